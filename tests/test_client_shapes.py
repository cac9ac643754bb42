from support.service import *
from phota_async import *
async def test_a(service, client):
    service.answer("POST","/generate",image_answer(links=LINKS))
    r=await client.generate("hi", response_mode="urls")
    print(service.only, r)
    service.answer("GET","/profiles/a%2Fb%20c/status",{"status":"READY"})
    print(await client.profiles.status("a/b c"))
    print(service.sent[-1])
from support.virtual_time import *
@virtual_time
async def test_b(service):
    async with PhotaClient(KEY) as client:
        service.answer("GET","/profiles/a/status",{"status":"QUEUING"},times=20)
        service.answer("GET","/profiles/a/status",{"status":"READY"})
        t=now()
        print(await client.profiles.wait("a"))
        print(now()-t, len(service.sent))
