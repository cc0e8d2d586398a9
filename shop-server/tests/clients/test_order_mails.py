"""The mails about an order, as its buyer reads them: the words, the looks on a phone, and what spam filters think of them."""

import re
import subprocess

import pytest
import requests
from aiosmtpd.controller import Controller
from conftest import DEADLINE, PICTURES, Inbox, eventually, free_port, smtp

STAFF, PASSWORD = "charles@example.com", "difference-engine-1822"
BUYER = "ada@example.com"
DETAILS = {
    "name": "Tea & Co", "legal_name": "Tea & Company Ltd", "address": "1 High Street\nLondon W1 2AB", "vat_id": "GB 123 4567 89",
    "contact_email": "hello@tea.example", "phone": "+44 20 7946 0000", "terms_url": "https://tea.example/terms",
    "privacy_url": "https://tea.example/privacy", "returns_url": "https://tea.example/returns",
}
ADDRESS = {
    "first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square, win at evil.example", "city": "London",
    "postal_code": "SW1Y 4JH", "country": "GB",
}


class Shop:
    """A shop with something to sell, and the mails that it sends."""

    def __init__(self, server, inbox):
        self.server, self.inbox = server, inbox
        server.create_superuser(STAFF, PASSWORD)
        login = requests.post(f"{server.url}/accounts/login/", json={"email": STAFF, "password": PASSWORD}, timeout=DEADLINE)
        self.access = login.json()["access"]
        self.staff("PATCH", "/shop/", DETAILS)
        name = "Stoneware mug with a name so long that it does not fit into one line of a phone, Donaudampfschifffahrtsgesellschaft"
        self.staff("POST", "/catalog/products/", {"name": name, "sku": "MUG-DONAUDAMPFSCHIFFFAHRT-1", "price": "1234.50", "stock": 50})
        self.staff("POST", "/catalog/products/", {"name": "Gr\u00fcner Tee <bio>", "sku": "TEA", "price": "9.90", "stock": 50})
        self.staff("POST", "/catalog/tax-rates/", {"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": True})
        self.staff("POST", "/catalog/promotions/", {"name": "Autumn sale", "kind": "percent", "value": "10"})
        zone = self.staff("POST", "/shipping/zones/", {"name": "Home", "countries": ["GB"]})
        rate = {"type": "flat", "price": "5.00"}
        method = {"name": "Post", "zone_id": zone["id"], "carrier": "Royal Mail", "rate": rate}
        self.method = self.staff("POST", "/shipping/methods/", method)["id"]

    def call(self, method, path, body, **headers):
        answer = requests.request(method, self.server.url + path, json=body, headers=headers, timeout=DEADLINE)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def staff(self, method, path, body=None):
        return self.call(method, path, {} if body is None else body, Authorization=f"Bearer {self.access}")

    def order(self):
        """A guest's order, and what opens it."""
        token = self.call("POST", "/cart/items/", {"sku": "MUG-DONAUDAMPFSCHIFFFAHRT-1", "quantity": 2})["token"]
        self.call("POST", "/cart/items/", {"sku": "TEA", "quantity": 1}, **{"X-Cart-Token": token})
        wish = {"shipping_address": ADDRESS, "shipping_method_id": self.method, "payment_gateway": "manual", "email": BUYER,
                "note": "Buy at evil.example"}
        placed = self.call("POST", "/orders/", wish, **{"X-Cart-Token": token})
        return placed, {"X-Order-Token": placed["access_token"]}

    def mails(self, number, count):
        """The mails about an order, by the first words of their subjects; so many, and no more."""
        def look():
            found = [pair for pair in zip(self.inbox.mails, self.inbox.contents) if number in pair[0]["Subject"]]
            return found if len(found) >= count else None

        found = eventually(look, f"{count} mails about {number}: {[mail['Subject'] for mail in self.inbox.mails]}")
        assert len(found) == count, [mail["Subject"] for mail, _ in found]
        return found


def plain(mail):
    return mail.get_body(["plain"]).get_content()


def html(mail):
    return mail.get_body(["html"]).get_content()


@pytest.fixture(scope="module")
def mailed(start_server):
    """Everything that can happen to orders, and all mails about it: (mail, as it came)."""
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=False)
    controller.start()
    shop = Shop(start_server(**smtp(controller.port, DEFAULT_FROM_EMAIL="shop@tea.example")), inbox)
    order, token = shop.order()
    path, payment = f"/orders/{order['id']}", f"/payments/{order['payments'][0]['id']}"
    shop.staff("POST", f"{payment}/capture/")
    parcel = shop.staff("POST", "/shipping/shipments/", {"order_id": order["id"], "tracking_number": "RM123456785GB"})
    for status in ["shipped", "delivered"]:
        shop.staff("POST", f"/shipping/shipments/{parcel['id']}/events/", {"status": status})
    line = {"order_item_id": order["items"][0]["id"], "quantity": 1}
    for answer, body in [("approve", None), ("reject", {"reason": "It was used."})]:
        asked = shop.call("POST", f"{path}/returns/", {"items": [line]}, **token)
        shop.staff("POST", f"{path}/returns/{asked['id']}/{answer}/", body)
        if answer == "approve":
            approved = f"{path}/returns/{asked['id']}"
    shop.staff("POST", f"{approved}/receive/", {"restock": True})
    shop.staff("POST", f"{approved}/refund/")
    found = shop.mails(order["number"], 7)
    other, token = shop.order()
    shop.call("POST", f"/orders/{other['id']}/cancel/", {}, **token)
    found += shop.mails(other["number"], 2)[1:]
    yield order, found
    controller.stop()


def test_a_buyer_reads_what_they_agreed_to(mailed):
    order, found = mailed
    kinds = [
        "Your order", "Payment received", "has been shipped", "was approved", "was not accepted", "has arrived", "Refund for",
        "was canceled",
    ]
    assert len(found) == len(kinds)
    for (mail, _), kind in zip(found, kinds):
        assert kind in mail["Subject"] and "Tea & Co" in mail["Subject"], mail["Subject"]
        assert mail["To"] == BUYER and mail["From"].addresses[0].addr_spec == "shop@tea.example"
        assert mail["From"].addresses[0].display_name == "Tea & Co" and mail["Reply-To"] == "hello@tea.example"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"].datetime and re.fullmatch(r"<[0-9a-f-]{36}@tea\.example>", mail["Message-ID"])
        assert mail.get_content_type() == "multipart/alternative"
        for words in ["Hello Ada Lovelace,", *DETAILS["address"].split("\n"), "Tea & Company Ltd", "GB 123 4567 89"]:
            assert words in plain(mail), plain(mail)
        for text in [plain(mail), html(mail)]:
            assert "evil.example" not in text and "{{" not in text and "{%" not in text, text
    assert len({mail["Message-ID"] for mail, _ in found}) == len(found)
    text = plain(found[0][0])
    amounts = [f"{order[name]} USD" for name in ["subtotal", "shipping_total", "tax_total", "total"]]
    for words in [*amounts, "Autumn sale", "VAT (20 %)", "12 St James's Square", "SW1Y 4JH London", "Gr\u00fcner Tee <bio>", "TEA"]:
        assert words in text, text
    assert "Gr\u00fcner Tee &lt;bio&gt;" in html(found[0][0])
    assert f"{order['total']} USD" in plain(found[1][0])
    for text in [plain(found[1][0]), html(found[1][0])]:
        assert "Paid so far" in text and "Still to be paid" not in text, text
    assert "Royal Mail" in plain(found[2][0]) and "RM123456785GB" in plain(found[2][0])
    assert "It was used." in plain(found[4][0])


def test_spam_filters_have_nothing_against_them(mailed):
    for mail, content in mailed[1]:
        run = subprocess.run(["spamassassin", "-L", "-t"], input=content, capture_output=True, timeout=DEADLINE * 2)
        report = run.stdout.decode(errors="replace")
        score = re.search(r"^X-Spam-Status: .*?score=(-?[\d.]+)", report, re.M)
        assert score, report + run.stderr.decode(errors="replace")
        assert float(score.group(1)) < 1.0, f"{mail['Subject']}\n{report}"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows(mailed, browser, tmp_path, width):
    PICTURES.mkdir(parents=True, exist_ok=True)
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for mail, _ in mailed[1]:
        name = re.sub(r"\W+", "-", re.sub(r"(for )?[Oo]rder \S+ at Tea & Co", "order", mail["Subject"])).strip("-").lower()
        page = tmp_path / f"{name}.html"
        page.write_text(html(mail), encoding="utf-8")
        browser.get(page.as_uri())
        size = "return [document.documentElement.scrollWidth, window.innerWidth]"
        needed, there = browser.execute_script(size)
        browser.save_screenshot(str(PICTURES / f"mail-{name}-{width}.png"))
        # A vertical scroll bar takes some of the width.
        assert needed <= there == width, mail["Subject"]
        # Nothing is fetched: what a mail needs is in it.
        assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_they_can_be_turned_off_and_replaced(start_server, mail_server, tmp_path):
    inbox = Inbox()
    port = mail_server(inbox).port
    silent = Shop(start_server(**smtp(port, ORDER_EMAILS="False")), inbox)
    order, _ = silent.order()
    silent.staff("POST", f"/payments/{order['payments'][0]['id']}/capture/")
    # A mail about an account still goes out, after those that there would have been.
    body = {"email": "new@example.com", "password": PASSWORD}
    silent.call("POST", "/accounts/register/", body)
    assert inbox.arrived.wait(DEADLINE)
    assert [mail["To"] for mail in inbox.mails] == ["new@example.com"]

    (tmp_path / "order_placed.subject.txt").write_text("Thanks! {{ order.number }}")
    (tmp_path / "order_placed.html").write_text("<p>{{ shop }}: {{ order.total }}</p>")
    own = Shop(start_server(**smtp(port, MAIL_TEMPLATES=str(tmp_path))), inbox)
    order, _ = own.order()
    mail, _ = own.mails(order["number"], 1)[0]
    assert mail["Subject"] == f"Thanks! {order['number']}"
    assert html(mail).strip() == f"<p>Tea &amp; Co: {order['total']} USD</p>"
    assert "thank you for your order" in plain(mail)
