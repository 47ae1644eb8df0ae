"""Table of the back office: differences of a reconciliation that a person has looked at and closed."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from payments.clock import now
from payments.database import Base


class ReviewedDifference(Base):
    """A difference that is closed while its facts stay as they were: `facts` is their digest."""

    __tablename__ = "reviewed_differences"

    id: Mapped[int] = mapped_column(primary_key=True)
    facts: Mapped[str] = mapped_column(String(64), index=True)
    merchant_uid: Mapped[str] = mapped_column(Text)  # as PortOne names it; may be nobody's
    reason: Mapped[str] = mapped_column(String(300))
    reviewed_by: Mapped[str] = mapped_column(String(254))  # e-mail
    reviewed_at: Mapped[datetime] = mapped_column(default=now)
