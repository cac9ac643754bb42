"""Addresses of databases: what is shown of them. Needs no server."""

from typing import Any

import pytest

from phota_async import ConfigError
from phota_async.ledger.database import name_of


def test_neither_user_nor_password_is_shown() -> None:
    assert name_of("postgresql://studio:Storch%2Fnest@db:5433/photos?sslmode=require") == "postgresql://db/photos"
    assert name_of("host=db dbname=photos password=Storchennest") == "postgresql://db/photos"


@pytest.mark.parametrize("dsn", ["postgresql://studio:a/Storchennest@db/photos", "postgresql://studio:/Storch@/x"])
def test_a_password_that_would_pass_for_a_database_is_refused(dsn: str) -> None:
    with pytest.raises(ConfigError, match="write / as %2F") as refused:
        name_of(dsn)
    assert "Storch" not in str(refused.value)


@pytest.mark.parametrize("dsn", ["postgresql://studio:a@Storchennest@db/photos", "host=a@Storchennest dbname=photos"])
def test_a_password_that_would_pass_for_a_host_is_refused(dsn: str) -> None:
    with pytest.raises(ConfigError, match="write an @ of a password as %40") as refused:
        name_of(dsn)
    assert "Storch" not in str(refused.value)


@pytest.mark.parametrize("dsn", ["out of this world", "mysql://db/x", None])
def test_what_is_no_address_is_refused(dsn: Any) -> None:
    with pytest.raises(ConfigError, match="expected postgresql://USER@HOST/NAME"):
        name_of(dsn)
