import json
import re
from pathlib import Path

import pytest

from mer_core.errors import DataError
from mer_core.types import AudioSpan, Utterance
from mer_plugins.corpora.manifest import Manifest

EMODB = Path(__file__).parents[4] / "shared" / "data" / "emodb" / "manifest.csv"


def read(path: Path) -> list[Utterance]:
    return Manifest(Manifest.Config(path=path)).read()


def write(folder: Path, content: str, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def refused(path: Path, *problems: str) -> None:
    """Assert that the manifest is refused with exactly these problems."""
    with pytest.raises(DataError, match=re.escape(f"{path} is not a manifest that can be used:")) as caught:
        read(path)
    assert caught.value.message.split("\n  ")[1:] == list(problems)
    assert "id and one of audio and text are needed" in caught.value.hint


def test_a_csv_row_becomes_an_utterance(tmp_path):
    path = write(
        tmp_path,
        "\ufeffid,audio,text,label,speaker,session,start,end,split,note\r\n"
        'u1,wav/a.wav,"He said: ""no, never""",ang,s1,1,1.5,2.75,train,über\r\n',
    )
    assert read(path) == [
        Utterance(
            id="u1",
            audio=AudioSpan(tmp_path / "wav/a.wav", 1.5, 2.75),
            text='He said: "no, never"',
            label="ang",
            speaker="s1",
            session="1",
            fields={"split": "train", "note": "über"},
        )
    ]


def test_json_lines_give_the_same_utterances_as_csv(tmp_path):
    as_csv = write(
        tmp_path,
        'id,audio,text,label,speaker,session,start,end,split\nu1,a.wav,"hi, you",ang,7,2,0.5,3,test\nu2,b.wav,,,,,,,\n',
    )
    first = {"id": "u1", "audio": "a.wav", "text": "hi, you", "label": "ang", "speaker": 7, "session": 2}
    first |= {"start": 0.5, "end": 3, "split": "test"}
    second = {"id": "u2", "audio": "b.wav", "text": "", "label": None, "end": None, "split": ""}
    as_jsonl = write(tmp_path, f"{json.dumps(first)}\n\n{json.dumps(second)}\n", "m.jsonl")
    assert read(as_jsonl) == read(as_csv)


def test_the_order_of_the_file_is_kept(tmp_path):
    assert [u.id for u in read(write(tmp_path, "id,text\nz,one\na,two\n\nm,three\n"))] == ["z", "a", "m"]


def test_what_a_manifest_does_not_have_is_none(tmp_path):
    (only_audio,) = read(write(tmp_path, "id,audio\nu1,a.wav\n"))
    assert only_audio == Utterance(id="u1", audio=AudioSpan(tmp_path / "a.wav"))
    (only_text,) = read(write(tmp_path, "id,text,label\nu1,hello,\n"))
    assert only_text == Utterance(id="u1", text="hello")


def test_an_empty_transcript_is_an_empty_text_and_not_a_missing_one(tmp_path):
    (found,) = read(write(tmp_path, "id,audio,text\nu1,a.wav,\n"))
    assert found.text == ""


def test_an_absolute_path_stays_as_it_is(tmp_path):
    (found,) = read(write(tmp_path, "id,audio\nu1,/elsewhere/a.wav\n"))
    assert found.audio == AudioSpan(Path("/elsewhere/a.wav"))


def test_the_nameless_index_of_a_data_frame_is_ignored(tmp_path):
    (found,) = read(write(tmp_path, ",id,text\n0,u1,hello\n"))
    assert found.fields == {}


def test_text_over_several_lines_counts_lines_right(tmp_path):
    refused(write(tmp_path, 'id,text\nu1,"one\ntwo"\nu1,three\n'), 'line 4: id "u1" is on line 2 too')


def test_all_problems_are_told_at_once_with_their_lines(tmp_path):
    refused(
        write(
            tmp_path,
            "id,audio,text,start,end\n"
            "u1,a.wav,hi,0,1\n"
            "u1,b.wav,hi,0,1\n"
            ",c.wav,hi,,\n"
            "u3,,,,\n"
            "u4,d.wav,hi,soon,1\n"
            "u5,e.wav,hi,2,1\n"
            "u6,f.wav,hi,-1,nan\n"
            "u7,,hi,0,1\n"
            "u8,g.wav,one, two,0,1\n",
        ),
        'line 3: id "u1" is on line 2 too',
        "line 4: no id",
        "line 5: neither audio nor text",
        'line 6: start is "soon", not a time in seconds',
        "line 7: ends at 1 s, but starts at 2 s",
        'line 8: start is "-1", not a time in seconds',
        "line 9: start and end need an audio",
        "line 10: 6 values, but 5 columns (quote values with commas)",
    )


def test_ten_problems_are_shown_and_the_others_counted(tmp_path):
    path = write(tmp_path, "id,text\n" + ",hello\n" * 12)
    refused(path, *[f"line {line}: no id" for line in range(2, 12)], "and 2 more")


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        ("name,text", ['no column "id"']),
        ("id,label", ['neither a column "audio" nor a column "text"']),
        ("ID,text", ['column "ID" is not known (did you mean "id"?)']),
        ("id,texts", ['column "texts" is not known (did you mean "text"?)']),
        ("id,text,lable", ['column "lable" is not known (did you mean "label"?)']),
        ("id,text,start_s", ['column "start_s" is not known (did you mean "start"?)']),
        ("id,text,text", ['line 1: column "text" is there twice']),
        ("id;audio;text", ["its columns are separated by something other than commas"]),
    ],
)
def test_columns_that_cannot_be_used_are_named(tmp_path, header, problems):
    row = ",".join("x" for _ in header.split(","))
    refused(write(tmp_path, f"{header}\n{row}\n"), *problems)


def test_a_column_near_one_that_is_there_is_a_field(tmp_path):
    (found,) = read(write(tmp_path, "id,text,label,labels\nu1,hello,ang,ang hap\n"))
    assert found.fields == {"labels": "ang hap"}


def test_an_open_quote_is_refused_where_it_begins(tmp_path):
    refused(write(tmp_path, 'id,text\nu1,one\nu2,"two\nu3,three\n'), "line 3: unexpected end of data")


def test_broken_json_lines_are_refused(tmp_path):
    path = write(
        tmp_path, '{"id": "u1", "text": "one"}\n{"id": "u2", "text"}\n["u3"]\n{"id": "u4", "text": []}', "m.jsonl"
    )
    refused(
        path,
        "line 2: not JSON: Expecting ':' delimiter at character 20",
        "line 3: not a JSON object",
        "line 4: text is neither text nor a number",
    )


@pytest.mark.parametrize(("name", "content"), [("m.csv", ""), ("m.csv", "id,text\n\n"), ("m.jsonl", "\n")])
def test_an_empty_manifest_is_refused(tmp_path, name, content):
    with pytest.raises(DataError, match=r"m\.\w+ is empty: it lists no utterance"):
        read(write(tmp_path, content, name))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes("id,text\nu1,one\nu2,für\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"m\.csv, line 3: not UTF-8\nSave the file as UTF-8"):
        read(path)


@pytest.mark.parametrize(("name", "ending"), [("m.xlsx", "'.xlsx'"), ("manifest", "'nothing'")])
def test_another_kind_of_file_is_refused(tmp_path, name, ending):
    with pytest.raises(DataError, match=rf"is not a manifest: it ends in {ending}, not in \.csv or \.jsonl"):
        read(write(tmp_path, "id,text\n", name))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no manifest: .*m\.csv does not exist"):
        read(tmp_path / "m.csv")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no manifest: .* is a directory\nName a \.csv or \.jsonl file"):
        read(tmp_path)


@pytest.mark.skipif(not EMODB.exists(), reason="EMO-DB (../shared/data/emodb) is not here")
def test_emodb_reads_as_it_stands():
    utterances = read(EMODB)
    assert len(utterances) == len({u.id for u in utterances}) == 535
    assert len({u.speaker for u in utterances}) == 10
    assert len({u.label for u in utterances}) == 7
    assert len({u.text for u in utterances}) == 10
    assert all(u.audio is not None and u.audio.path.is_file() for u in utterances)
