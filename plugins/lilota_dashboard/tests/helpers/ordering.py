"""A task whose input has all that a form may have to show."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated

import msgspec

from lilota import Secret, task


class Delivery(enum.Enum):
    """How the goods come."""

    BY_POST = "by post"
    COLLECTED = "collected in the shop"


class Item(msgspec.Struct):
    """So many of a thing."""

    article: str
    number: int = 1


class Address(msgspec.Struct):
    """Where somebody lives."""

    street: str
    town: str


@task
def order(
    customer: Annotated[str, msgspec.Meta(max_length=80)],
    items: list[Item],
    address: Address | None = None,
    *,
    delivery: Delivery = Delivery.BY_POST,
    discount: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.0,
    on: dt.date | None = None,
    gift: bool = False,
    key: Secret[str] | None = None,
) -> str:
    """Order goods for a customer.

    Args:
        customer: who pays, as in the book of customers.
        items: what is wanted, and how many of each.
        address: where it goes, if not to the customer.
        discount: the share of the price that is not paid.
    """
    return f"{customer} {items} {address} {delivery} {discount} {on} {gift} {key}"
