"""A second app takes the templates that the first has compiled, unless their source is another."""

from jinja2 import DictLoader, Environment

from shop.demo.compiled_templates import CompiledTemplates


class Counting(CompiledTemplates):
    compiled = 0

    def dump_bytecode(self, bucket):  # type: ignore[no-untyped-def]
        self.compiled += 1
        super().dump_bytecode(bucket)


def test_a_template_is_compiled_once_for_all_apps_and_again_if_its_source_changes() -> None:
    shared = Counting()
    for source, shown in (("a {{ 1 }}", "a 1"), ("a {{ 1 }}", "a 1"), ("b {{ 2 }}", "b 2")):
        environment = Environment(loader=DictLoader({"page": source}), bytecode_cache=shared)  # noqa: S701
        assert environment.get_template("page").render() == shown
    assert shared.compiled == 2
