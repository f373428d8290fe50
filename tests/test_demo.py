"""The demo as its users see it: started as a program, clicked in a real browser."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from modeling_weam import WEAMBertModel
from tests.conftest import ROOT, small_config
from tests.support.command_line import environment

gradio = pytest.importorskip("gradio", reason='no Gradio: pip install -e ".[demo]"')
webdriver = pytest.importorskip("selenium.webdriver", reason="no browser driver: pip install selenium")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="no Chromium on this machine: apt-get install chromium chromium-driver"
)
HOSTILE = "<img src=x onerror=document.title='hacked'> cat"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, tokenizer) -> Iterator[str]:
    """Start the demo with a small checkpoint."""
    folder = tmp_path_factory.mktemp("demo")
    torch.manual_seed(0)
    WEAMBertModel(small_config(), add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "demo" / "app.py"), "--models", str(folder), "--port", str(port)]
    settings = {**environment(), "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until the page is served."""
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["webdriver.Chrome"]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1200,2000",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    driver.get(address)
    yield driver
    driver.quit()


def align(browser: "webdriver.Chrome", source: str, target: str) -> list[str]:
    """Type two sentences, click, and return the words of the picture."""
    for name, text in (("source", source), ("target", target)):
        field = until(browser, lambda name=name: browser.find_element("css selector", f"#{name} textarea"))
        field.send_keys(Keys.CONTROL, "a")  # Gradio does not notice a field that is cleared
        field.send_keys(text)
    browser.find_element("id", "align").click()
    expected = source.split() + target.split()
    return until(browser, lambda: (lambda found: found if found == expected else None)(words(browser)))


def words(browser: "webdriver.Chrome") -> list[str]:
    return [word.text for word in browser.find_elements("css selector", "#picture svg text")]


def cells(browser: "webdriver.Chrome") -> list[str]:
    found = browser.find_elements("css selector", "#links td, #links [role=gridcell]")
    return [cell.get_attribute("textContent").strip() for cell in found]


def until(browser: "webdriver.Chrome", look):
    """Return what `look` finds, once it does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            found = look()
        except Exception as error:  # noqa: BLE001  # whatever the browser says of a page that is not there yet
            found, last = None, error
        else:
            last = None
        if found:
            return found
        assert time.monotonic() < deadline, last or browser.page_source[-2000:]
        time.sleep(0.2)


def test_a_click_shows_words_links_and_scores(browser):
    assert align(browser, "the cat sees", "die katze sieht") == "the cat sees die katze sieht".split()
    assert browser.find_elements("css selector", "#picture svg path")
    until(browser, lambda: "cat" in cells(browser))


def test_hostile_text_is_shown_as_text(browser):
    align(browser, HOSTILE, "katze")
    assert browser.title == "Word alignment"
    assert not browser.find_elements("css selector", "#picture img")


def test_the_checkpoint_is_among_those_named_and_examples_are_there(browser):
    page = browser.page_source
    assert "Mein Bruder kaufte" in page and "\u5927\u5b66" in page
