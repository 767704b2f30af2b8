from stream.inference.fingerprint import about_machine, fingerprint


def test_it_names_processor_and_runtime() -> None:
    found = about_machine()
    assert found["cpu"]
    assert any(name.startswith("onnxruntime") for name in found)


def test_the_order_does_not_matter_and_every_value_does() -> None:
    about = {"cpu": "a", "driver": "1"}
    assert fingerprint(about) == fingerprint({"driver": "1", "cpu": "a"})
    assert fingerprint(about) != fingerprint(about | {"driver": "2"})
    assert fingerprint(about) != fingerprint({"cpu": "a"})
