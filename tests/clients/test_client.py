"""The client asks again, writes once, tells problems as exceptions, and believes files by their hash alone."""

import hashlib
import json

import pytest
from kirikae_client import CollectedWrong, Gap, Hub, NotReachable, Problem, command_line, download, usage

from tests.clients.hub_server import serving

CONTENT = b"0123456789" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


def hub_at(address, waits=None, **given):
    return Hub(address, client_id="api-1", secret="s", sleep=(waits if waits is not None else []).append, **given)


def test_a_list_is_read_page_by_page_with_one_token():
    def answer(seen):
        after = seen.path.partition("cursor=")[2]
        return 200, {}, {"items": [{"n": 1}, {"n": 2}], "next_cursor": "b"} if not after else {
            "items": [{"n": 3}], "next_cursor": None,
        }  # fmt: skip

    with serving(answer) as script, hub_at(script.address) as hub:
        assert [row["n"] for row in hub.each("relays", state="02")] == [1, 2, 3]
        assert len(script.calls("token")) == 1
        assert [one.path for one in script.calls("relays")] == [
            "/api/v1/relays?state=02",
            "/api/v1/relays?state=02&cursor=b",
        ]
        assert script.calls("token")[0].headers["Authorization"].startswith("Basic ")
        assert script.calls("relays")[0].headers["Authorization"] == "Bearer t1"


def test_what_is_over_its_rate_waits_as_long_as_the_hub_says_and_goes_with_the_same_key():
    def answer(seen):
        tries = len(script.calls("relays"))
        return (429, {"Retry-After": "7"}, {"code": "api.rate"}) if tries < 3 else (201, {}, {"number": "R1"})

    waits = []
    with serving(answer) as script, hub_at(script.address, waits) as hub:
        assert hub.post("relays", {"a": 1}) == {"number": "R1"}
        assert waits == [7.0, 7.0]
        keys = {one.headers["Idempotency-Key"] for one in script.calls("relays")}
        assert len(keys) == 1 and len(script.calls("relays")) == 3
        hub.post("relays", {"a": 1}, key="order-17")
        assert script.calls("relays")[-1].headers["Idempotency-Key"] == "order-17"


def test_a_refusal_is_an_exception_with_code_sentence_fields_and_trace():
    problem = {
        "code": "relay.number_does_not_fit", "title": "t", "detail": "The number does not fit.", "what_to_do": "w",
        "errors": [{"pointer": "/contract_number"}], "trace_id": "abc", "contradicts": {"number": "A1"},
    }  # fmt: skip
    with serving(lambda seen: (422, {}, problem)) as script, hub_at(script.address) as hub:
        with pytest.raises(Problem) as refused:
            hub.post("relays", {})
        error = refused.value
        assert (error.status, error.code, error.trace_id) == (422, "relay.number_does_not_fit", "abc")
        assert error.fields[0]["pointer"] == "/contract_number" and error.contradicts == {"number": "A1"}
        assert "The number does not fit." in str(error) and "abc" in str(error)
        assert len(script.calls("relays")) == 1  # a refusal is not asked again


def test_an_answer_that_is_no_problem_document_is_told_by_its_status():
    def answer(seen):
        return 500, {"Content-Type": "text/html"}, b"<h1>"

    with serving(answer) as script, hub_at(script.address) as hub, pytest.raises(Problem, match="500"):
        hub.get("me")


def test_a_token_that_ended_early_is_renewed_once():
    def answer(seen):
        return (401, {}, {"code": "api.token"}) if len(script.calls("me")) == 1 else (200, {}, {"id": 1})

    with serving(answer) as script, hub_at(script.address) as hub:
        assert hub.get("me") == {"id": 1}
        assert len(script.calls("token")) == 2
    with serving(lambda seen: (401, {}, {"code": "api.token"})) as script, hub_at(script.address) as hub:
        with pytest.raises(Problem):
            hub.get("me")
        assert len(script.calls("me")) == 2


def test_a_wrong_secret_is_a_problem():
    def answer(seen):
        return 401, {}, {"error": "invalid_client", "error_description": "no"}

    answer.gives_tokens = True
    with serving(answer) as script, hub_at(script.address) as hub, pytest.raises(Problem, match="invalid_client"):
        hub.get("me")


def test_a_hub_that_is_not_there_is_said_so_after_some_tries():
    with serving(lambda seen: (200, {}, {})) as script:
        address = script.address
    waits = []
    with hub_at(address, waits, tries=3) as hub, pytest.raises(NotReachable, match="does not answer"):
        hub.get("me")
    assert waits == [1.0, 2.0]


def test_a_change_carries_what_was_read():
    def answer(seen):
        return 200, {"ETag": '"2"', "Idempotent-Replayed": "true"}, {"ok": json.loads(seen.body or b"{}")}

    with serving(answer) as script, hub_at(script.address) as hub:
        assert hub.ask("GET", "applications/A1").etag == '"2"'
        changed = hub.ask("PATCH", "applications/A1", body={"x": 1}, etag='"1"')
        assert changed.is_replayed and changed.body == {"ok": {"x": 1}}
        assert script.calls("applications/A1")[-1].headers["If-Match"] == '"1"'


class TestCollecting:
    def test_a_broken_line_is_resumed_where_it_broke(self, tmp_path):
        def answer(seen):
            if asked := seen.headers.get("Range"):
                begun = int(asked.removeprefix("bytes=").rstrip("-"))
                return 206, {}, CONTENT[begun:]
            return 200, {"X-Break-After": "4000"}, CONTENT

        with serving(answer) as script, hub_at(script.address) as hub:
            got = download(hub, "files/1", tmp_path / "day.csv.gz", sha256=SHA, size=len(CONTENT))
            assert got.is_new and got.path.read_bytes() == CONTENT
            ranges = [one.headers.get("Range") for one in script.calls("files/1")]
            assert ranges[0] is None and ranges[1].startswith("bytes=") and ranges[1] != "bytes=0-"
            again = download(hub, "files/1", tmp_path / "day.csv.gz", sha256=SHA)
            assert not again.is_new and len(script.calls("files/1")) == 2
        assert not (tmp_path / "day.csv.gz.part").exists()

    def test_a_file_whose_hash_differs_never_appears(self, tmp_path):
        def answer(seen):
            return 200, {}, CONTENT[:-1] + b"x"

        with serving(answer) as script, hub_at(script.address) as hub, pytest.raises(CollectedWrong):
            download(hub, "files/1", tmp_path / "day", sha256=SHA)
        assert list(tmp_path.iterdir()) == []

    def test_a_server_that_knows_no_ranges_sends_the_whole_again(self, tmp_path):
        (tmp_path / "day.part").write_bytes(b"rubbish")
        with serving(lambda seen: (200, {}, CONTENT)) as script, hub_at(script.address) as hub:
            assert download(hub, "files/1", tmp_path / "day", sha256=SHA).size == len(CONTENT)

    def test_a_part_of_another_file_is_begun_anew(self, tmp_path):
        (tmp_path / "day.part").write_bytes(b"x" * 20000)

        def answer(seen):
            return (416, {}, {}) if "Range" in seen.headers else (200, {}, CONTENT)

        with serving(answer) as script, hub_at(script.address) as hub:
            assert download(hub, "files/1", tmp_path / "day", sha256=SHA).path.read_bytes() == CONTENT


def test_names_below_localhost_are_this_machine():
    with serving(lambda seen: (200, {}, {"host": seen.headers["Host"]})) as script:
        address = script.address.replace("127.0.0.1", "sora.linkage.localhost")
        with hub_at(address) as hub:
            assert hub.get("me")["host"] == address.removeprefix("http://")


class TestFeed:
    def answer(self, last, lost=()):
        def page(seen):
            after = int(seen.path.partition("after=")[2].partition("&")[0])
            numbers = [n for n in range(after + 1, min(after + 3, last) + 1) if n not in lost]
            items = [{"number": n, "at": "2026-04-01T10:00:00+09:00", "kind": "relay.accept"} for n in numbers]
            return 200, {}, {"items": items, "after": numbers[-1] if numbers else after, "oldest": 1, "last": last}

        return page

    def test_every_event_after_a_number_is_read_page_by_page(self):
        with serving(self.answer(8)) as script, hub_at(script.address) as hub:
            assert [event["number"] for event in hub.events(after=1)] == list(range(2, 9))
            assert [one.path.partition("?")[2] for one in script.calls("events")] == ["after=1", "after=4", "after=7"]
            assert list(hub.events(after=8)) == []

    def test_a_missing_number_is_not_passed_over(self):
        with serving(self.answer(8, lost={5})) as script, hub_at(script.address) as hub:
            read = []
            with pytest.raises(Gap, match="event 6 follows 4"):
                read.extend(event["number"] for event in hub.events())


class TestCollectingUsage:
    """What was published since the last run, whatever happened in between."""

    def answer(self, count, broken=()):
        def serve(seen):
            path, _mark, query = seen.path.removeprefix("/api/v1/published-files").partition("?")
            if not path:
                after = int(query.partition("after=")[2].partition("&")[0])
                return 200, {}, {"items": [self.row(n) for n in range(after + 1, count + 1)], "next_cursor": None}
            number = int(path.split("/")[1])
            if path.endswith("/acknowledgement"):
                return 200, {}, self.row(number)
            return (404, {}, {"code": "api.not_found"}) if number in broken else (200, {}, self.content(number))

        return serve

    def content(self, number):
        return CONTENT + str(number).encode()

    def row(self, number):
        sha = hashlib.sha256(self.content(number)).hexdigest()
        return {
            "number": number, "name": "../../x.csv.gz", "day": f"2026-04-0{number}", "rows": 1, "sha256": sha,
            "size": len(self.content(number)), "removed_at": "2026-05-01" if number == 2 else None,
        }  # fmt: skip

    def test_each_file_comes_once_into_the_folder_of_its_day_and_is_acknowledged(self, tmp_path):
        with serving(self.answer(3)) as script, hub_at(script.address) as hub:
            assert [taken.file["number"] for taken in usage.collect(hub, tmp_path)] == [1, 3]  # 2 is no longer kept
            assert (tmp_path / "2026-04-01/00000001-x.csv.gz").read_bytes() == self.content(1)
            told = json.loads(script.calls("published-files/3/acknowledgement")[0].body)
            assert told == {"sha256": self.row(3)["sha256"]}
            assert list(usage.collect(hub, tmp_path)) == [] and usage.last(tmp_path) == 3
        with serving(self.answer(4)) as script, hub_at(script.address) as hub:
            assert [taken.file["number"] for taken in usage.collect(hub, tmp_path)] == [4]

    def test_what_cannot_be_fetched_is_asked_for_again_and_nothing_before_it(self, tmp_path):
        with serving(self.answer(4, broken={3})) as script, hub_at(script.address) as hub:
            with pytest.raises(Problem, match="404"):
                list(usage.collect(hub, tmp_path))
            assert usage.last(tmp_path) == 2
        with serving(self.answer(4)) as script, hub_at(script.address) as hub:
            assert [taken.file["number"] for taken in usage.collect(hub, tmp_path)] == [3, 4]
            assert not script.calls("published-files/1/content")

    def test_a_program_killed_before_it_noted_a_file_does_not_fetch_it_again(self, tmp_path):
        with serving(self.answer(1)) as script, hub_at(script.address) as hub:
            walk = usage.collect(hub, tmp_path)
            assert next(walk).collected.is_new
            walk.close()  # as a kill: the file lies there, its number is not noted
            assert usage.last(tmp_path) == 0
            [again] = usage.collect(hub, tmp_path)
            assert not again.collected.is_new and len(script.calls("published-files/1/content")) == 1


def test_a_program_without_its_variables_says_which_and_never_takes_a_secret_as_an_option(monkeypatch, capsys):
    for name in ("HUB_ADDRESS", "HUB_CLIENT_ID", "HUB_SECRET", "HUB_CERTIFICATE", "HUB_KEY"):
        monkeypatch.delenv(name, raising=False)
    reading = command_line.parser("example")
    with pytest.raises(SystemExit) as ended:
        command_line.hub_of(reading.parse_args(["--hub", "http://127.0.0.1:1"]))
    assert ended.value.code == 2 and "HUB_CLIENT_ID, HUB_SECRET" in capsys.readouterr().err
    assert "secret" not in {action.dest for action in reading._actions}


def test_a_refusal_is_a_line_with_its_code_and_an_exit_code(monkeypatch, capsys):
    problem = {"code": "relays.point_busy", "detail": "Busy.", "what_to_do": "Wait.", "trace_id": "abc"}
    monkeypatch.setenv("HUB_SECRET", "s")
    with serving(lambda seen: (409, {}, problem)) as script:
        options = command_line.parser("x").parse_args(["--hub", script.address, "--client-id", "api-1"])
        assert command_line.run(lambda hub: hub.post("relays", {}), options) == 1
    said = capsys.readouterr().err
    assert "relays.point_busy" in said and "trace abc" in said and "Wait." in said


def test_a_file_that_is_not_there_is_a_line_and_an_exit_code(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HUB_SECRET", "s")
    options = command_line.parser("x").parse_args(["--hub", "http://127.0.0.1:1", "--client-id", "api-1"])
    assert command_line.run(lambda hub: len((tmp_path / "4711.json").read_text()), options) == 1
    assert f"{tmp_path}/4711.json: No such file" in capsys.readouterr().err
