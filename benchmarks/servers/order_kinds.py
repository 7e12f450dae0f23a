"""The eight kinds that the generator sends in turn for the task ``kinds``."""

__all__ = ("KINDS",)

KINDS = (
    "order.create",
    "order.change",
    "order.confirm",
    "order.pay",
    "order.pack",
    "order.ship",
    "order.cancel",
    "order.return",
)
