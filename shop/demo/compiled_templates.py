"""Compiled templates that several apps of one process share: the first page of a new world need not compile them."""

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """Keeps the compiled templates in memory. Jinja compares the source's checksum before it uses one."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket if its template is known."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's template."""
        self._kept[bucket.key] = bucket.bytecode_to_string()
