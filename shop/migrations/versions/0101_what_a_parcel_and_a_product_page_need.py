"""recipient, detailed address and note of a parcel; what a product page tells beside the summary"""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = "0095"

ORDERS = {"recipient": 40, "recipient_tel": 16, "buyer_addr_detail": 100, "delivery_note": 100}
PRODUCTS = {
    "description_ko": 1000,
    "description_en": 1000,
    "spec_ko": 200,
    "spec_en": 200,
    "period_ko": 100,
    "period_en": 100,
}


def upgrade() -> None:
    for table, columns in (("orders", ORDERS), ("products", PRODUCTS)):
        for name, length in columns.items():
            op.add_column(table, sa.Column(name, sa.String(length), nullable=True))


def downgrade() -> None:
    for table, columns in (("products", PRODUCTS), ("orders", ORDERS)):
        for name in columns:
            op.drop_column(table, name)
