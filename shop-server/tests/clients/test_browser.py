"""A real browser: the documentation works with no internet, and cookie mode keeps its promises."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from conftest import DEADLINE, PICTURES
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

EMAIL, PASSWORD = "charles@example.com", "difference-engine-1822"


def test_the_documentation_is_whole_and_can_be_tried(start_server, browser):
    server = start_server()
    server.create_superuser(EMAIL, PASSWORD)
    body = {"email": EMAIL, "password": PASSWORD}
    access = requests.post(f"{server.url}/accounts/login/", json=body, timeout=DEADLINE).json()["access"]
    document = requests.get(f"{server.url}/openapi.json", timeout=DEADLINE).json()
    operations = sum(len(path) for path in document["paths"].values())
    wait = WebDriverWait(browser, DEADLINE)

    def shown(selector):
        return wait.until(lambda page: next((it for it in page.find_elements(By.CSS_SELECTOR, selector) if it.is_displayed()), None))

    details = {"name": "Tea & Co", "contact_email": "hello@tea.example", "terms_url": "https://tea.example/terms"}
    bearer = {"Authorization": f"Bearer {access}"}
    assert requests.patch(f"{server.url}/shop/", json=details, headers=bearer, timeout=DEADLINE).status_code == 200

    browser.get(f"{server.url}/docs/")
    wait.until(lambda page: len(page.find_elements(By.CSS_SELECTOR, ".opblock")) == operations)
    PICTURES.mkdir(parents=True, exist_ok=True)
    # The README shows this one, from docs/pictures/.
    browser.set_window_size(1280, 900)
    browser.save_screenshot(str(PICTURES / "api.png"))
    browser.set_window_size(1280, 1600)

    assert browser.title == "Tea & Co API" and "Tea & Co API" in shown(".info .title").text
    assert "hello@tea.example" in shown(".info__contact a[href^=mailto]").get_attribute("href")
    assert shown(".info__tos a").get_attribute("href") == "https://tea.example/terms"

    shown("button.authorize").click()
    field = shown(".modal-ux input[type=text], .modal-ux input[type=password]")
    field.send_keys(access)
    shown(".modal-ux button.authorize").click()
    shown(".modal-ux button.btn-done").click()

    block = browser.find_element(By.CSS_SELECTOR, "[id$='accounts_user_retrieve']")
    browser.execute_script("arguments[0].scrollIntoView()", block)
    block.find_element(By.CSS_SELECTOR, "button.opblock-summary-control").click()
    shown("[id$='accounts_user_retrieve'] button.try-out__btn").click()
    shown("[id$='accounts_user_retrieve'] button.execute").click()
    status = shown("[id$='accounts_user_retrieve'] .live-responses-table tr.response .response-col_status")
    browser.save_screenshot(str(PICTURES / "docs.png"))
    assert status.text.split()[0] == "200"
    assert EMAIL in shown("[id$='accounts_user_retrieve'] .live-responses-table .microlight").text

    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    addresses = [event["request"]["url"] for event in sent]
    elsewhere = [url for url in addresses if not url.startswith((server.url, "data:", "blob:", "chrome:"))]
    assert addresses and not elsewhere, elsewhere
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not complaints, complaints


class Page(BaseHTTPRequestHandler):
    """An empty page: the front end of another origin."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A front end</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def front_end():
    """Starts front ends, each an origin of its own."""
    running = []

    def start():
        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Page))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


# Calls the shop as a front end does, and says what came; "refused" when the browser kept it from the page.
CALL = """
const [url, method, body, withToken, done] = arguments;
const headers = {"Content-Type": "application/json"};
const token = document.cookie.match(/csrftoken=([^;]+)/);
if (withToken) headers["X-CSRFToken"] = token ? token[1] : "";
fetch(url, {method, headers, credentials: "include", body: body === null ? undefined : JSON.stringify(body)})
  .then(async answer => done({status: answer.status, body: answer.status == 204 ? null : await answer.json()}))
  .catch(why => done({status: "refused", body: String(why)}));
"""


def test_cookie_mode_serves_its_front_end_and_nobody_else(start_server, browser, front_end):
    ours, theirs = front_end(), front_end()
    server = start_server(AUTH_COOKIES="True", CORS_ALLOWED_ORIGINS=ours)
    server.create_superuser(EMAIL, PASSWORD)

    def call(method, path, body=None, with_token=False):
        return browser.execute_async_script(CALL, server.url + path, method, body, with_token)

    browser.get(ours)
    login = call("POST", "/accounts/login/", {"email": EMAIL, "password": PASSWORD})
    assert login["status"] == 200, login
    readable = browser.execute_script("return document.cookie")
    assert "csrftoken=" in readable and "access=" not in readable and "refresh=" not in readable
    assert call("GET", "/accounts/user/")["body"]["email"] == EMAIL

    refused = call("PATCH", "/accounts/user/", {"first_name": "Mallory"})
    assert (refused["status"], refused["body"]["code"]) == (403, "csrf_failed")
    passed = call("PATCH", "/accounts/user/", {"first_name": "Charles"}, with_token=True)
    assert (passed["status"], passed["body"]["first_name"]) == (200, "Charles")

    # A page of another origin (the same site, so that the cookies are sent) may neither read nor write.
    browser.get(theirs)
    assert call("GET", "/accounts/user/")["status"] == "refused"
    assert call("PATCH", "/accounts/user/", {"first_name": "Mallory"}, with_token=True)["status"] == "refused"

    browser.get(ours)
    assert call("GET", "/accounts/user/")["body"]["first_name"] == "Charles"
    assert call("POST", "/accounts/token/refresh/", with_token=True)["status"] == 200
    assert call("POST", "/accounts/logout/", with_token=True)["status"] == 204
    assert call("GET", "/accounts/user/")["status"] == 401
    assert browser.execute_script("return document.cookie") == ""
