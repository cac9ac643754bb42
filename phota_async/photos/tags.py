"""Which EXIF tags are which: an allow-list for each purpose. Source: CIPA DC-008-2024 (Exif 3.0), tables 3 to 15."""

from enum import IntEnum


class Tag(IntEnum):
    """The tags that are more than freight here."""

    ORIENTATION = 0x0112
    EXIF_POINTER = 0x8769
    GPS_POINTER = 0x8825
    PIXEL_WIDTH = 0xA002
    PIXEL_HEIGHT = 0xA003
    COLOUR_SPACE = 0xA001
    TIFF_XMP = 0x02BC
    TIFF_IPTC = 0x83BB
    TIFF_PROFILE = 0x8773
    TIFF_SUB_IMAGES = 0x014A
    DNG_VERSION = 0xC612
    RATING = 0x4746
    KEYWORDS = 0x9C9E


DATES = (  # where the date is, the date, its offset from UTC; the best first
    ("photo", 0x9003, 0x9011),  # taken
    ("photo", 0x9004, 0x9012),  # digitised
    ("main", 0x0132, 0x9010),  # changed
)
DATE_TAGS = frozenset(
    {0x9000, 0x0132, *range(0x9290, 0x9293), *range(0x9010, 0x9013), 0x9003, 0x9004}
)  # with the standard's version and fractions of seconds
CAMERA_TAGS = frozenset(
    {
        *(0x010F, 0x0110),  # maker, model
        *(0x829A, 0x829D, 0x8822, 0x8827, *range(0x8830, 0x8836)),  # exposure, aperture, programme, sensitivity
        *(*range(0x9201, 0x920B),),  # exposure values, flash, focal length
        *(0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217, 0xA300, 0xA301),  # sensor, source
        *(0xA401, 0xA402, 0xA403, 0xA404, 0xA405, 0xA406, 0xA407, 0xA408, 0xA409, 0xA40A, 0xA40C),  # how it was set
        *(0xA432, 0xA433, 0xA434),  # lens
        Tag.COLOUR_SPACE,
    }
)
PERSONAL_TAGS = frozenset(
    {
        *(0x010E, 0x013B, 0x8298, 0x9286),  # description, artist, copyright, comment
        *(Tag.RATING, 0x4749, *range(0x9C9B, 0x9CA0)),  # Windows' rating, title, comment, author, keywords, subject
        *(0xA420, 0xA430, 0xA431, 0xA435),  # the picture's id, the owner, serial numbers of body and lens
        *(0xA436, 0xA437, 0xA438),  # title, photographer, editor
    }
)
RESULT_TAGS = frozenset({0x0131, 0x013B, 0x8298, 0x010E, 0x9286})  # what a service may say of its own work
KNOWN_TAGS = DATE_TAGS | CAMERA_TAGS | PERSONAL_TAGS | RESULT_TAGS
