"""What is shown or kept of a text: no passwords, nothing that a terminal obeys."""

import time

import pytest

from bench import text
from bench.errors import Undelivered, UsageError
from bench.text import masked, one_line, printable, remember, without_password

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(text, "_remembered", set())


@pytest.mark.parametrize(
    "said",
    [
        f"postgresql+psycopg://someone:{SECRET}@127.0.0.1:5/x",
        f"storage 'postgresql://someone:{SECRET}@h/x' does not open (OperationalError)",
        f"http://someone:p@ss/{SECRET}@h:5000/#/experiments",
        f"http://:{SECRET}@h",
        f"https://{SECRET}@h/x",
        f"postgresql%3A%2F%2Fsomeone%3A{SECRET}%40127.0.0.1",
        f"postgresql://h/x?user=a&password={SECRET}&b=1",
        f"x?sslpassword={SECRET}#y",
        f"x%3Faccess_token%3D{SECRET}%26y",
        f"connection to host=h password={SECRET} port=5 failed",
        f"PGPASSWORD='{SECRET} b' psql",
        f"{{'host': 'h', 'password': '{SECRET}, b'}}",
        f'{{"api_key": "{SECRET}"}}',
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"Basic {SECRET}=",
    ],
)
def test_password_is_masked_wherever_it_is_named(said):
    shown = masked(said)
    assert SECRET not in shown
    assert "***" in shown
    assert masked(shown) == shown
    assert str(UsageError(said)) == str(Undelivered(said)) == shown


@pytest.mark.parametrize(
    "said",
    [
        "sqlite:////home/a:b@c/mlflow.db",
        "http://127.0.0.1:5000/#/experiments/1/runs/a@b",
        "postgresql://someone@h/x",
        "file:///a:b@c",
        "--set model.num_tokens=5 --set tokenizer=bpe",
        "see http://h:5/ and write to a@b",
        "val/fd_digits_n297 145 [139, 151] §",
    ],
)
def test_what_is_no_secret_stays(said):
    assert masked(said) == said


def test_parts_of_an_address_stay_readable():
    shown = masked("no runs in 'http://me:geheim@h:5000': start it")
    assert shown == "no runs in 'http://me:***@h:5000': start it"


def test_remembered_password_is_masked_in_other_words_and_other_ways_of_writing_it():
    remember("postgresql://me:hunt%40er2@h/x")
    assert masked("tried hunt@er2 and hunt%40er2") == "tried *** and ***"


@pytest.mark.parametrize("guess", ["mlflow", "abc", "123456"])
def test_password_of_an_example_does_not_blacken_ordinary_words(guess):
    remember(f"postgresql://me:{guess}@h/x")
    assert masked(f"{guess}.db holds {guess} images") == f"{guess}.db holds {guess} images"


@pytest.mark.parametrize(
    "variable", ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "MY_API_KEY"]
)
def test_secret_of_the_environment_is_masked_where_it_appears(variable, monkeypatch):
    monkeypatch.setenv(variable, SECRET)
    assert masked(f"the server said {SECRET!r}") == "the server said '***'"
    monkeypatch.setenv(variable, "short1")
    assert masked("short1, short10") == "***, short10"


def test_the_folder_of_the_shell_is_no_password(monkeypatch):
    for variable in ("PWD", "OLDPWD"):
        monkeypatch.setenv(variable, "/home/me/project")
    assert masked("weights in /home/me/project/x") == "weights in /home/me/project/x"
    monkeypatch.setenv("DB_PWD", "/home/me/project")
    assert masked("/home/me/project") == "***"


def test_a_secret_that_is_no_text_is_masked_like_any_other(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "caf\udce9 au lait")
    assert masked("it said caf\udce9 au lait") == "it said ***"


def test_password_of_the_store_that_the_environment_names_is_masked(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@h:5000")
    assert masked(f"401 for me, {SECRET}") == "401 for me, ***"


@pytest.mark.parametrize("part", ["a", "a:", "://x", "http://x:y", "@", "password=", "%40"])
def test_masking_takes_time_in_proportion_to_the_text(part):
    began = time.process_time()
    masked(part * (200_000 // len(part)))
    assert time.process_time() - began < 2  # 0.3 s; what looks back and forth takes minutes


def test_what_a_terminal_would_obey_is_shown_as_letters():
    told = "a\x1b[31mred\x07\x9b1m\r \u202eb\u2066c\ud800d é ↑ 日 \t\n"
    assert printable(told) == "a\\x1b[31mred\\x07\\x9b1m\\r \\u202eb\\u2066c\\ud800d é ↑ 日 \t\n"
    assert printable(printable(told)) == printable(told)
    assert one_line("a\nb\x1b") == "a\\nb\\x1b"


def test_address_of_a_page_names_nobody():
    assert without_password("http://me:geheim@h:5/#/a@b") == "http://h:5/#/a@b"
    assert without_password("https://h/x") == "https://h/x"
