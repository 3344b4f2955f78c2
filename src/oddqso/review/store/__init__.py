"""What people said, kept for good."""

from oddqso.review.store.opening import StoreInfo, describe
from oddqso.review.store.records import (
    ApiToken,
    Assignment,
    AuditEntry,
    Counts,
    GoldItem,
    Label,
    NewVerdict,
    Reviewer,
    Role,
    SavedFilter,
    StoredVerdict,
)
from oddqso.review.store.store import Store, open_store

__all__ = [
    "ApiToken", "Assignment", "AuditEntry", "Counts", "GoldItem", "Label", "NewVerdict", "Reviewer", "Role",
    "SavedFilter", "Store", "StoreInfo", "StoredVerdict", "describe", "open_store",
]  # fmt: skip
