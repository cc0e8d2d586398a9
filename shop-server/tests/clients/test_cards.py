"""Cards, with localstripe as the card network that nobody here wrote."""

import hashlib
import hmac
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import requests
from conftest import DEADLINE, eventually

SECRET_KEY = "sk_test_localstripe"
WEBHOOK_SECRET = "whsec_localstripe"
PASSWORD = "analytical-engine-1842"
ADDRESS = {
    "first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square",
    "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
}


class Network:
    """localstripe, and the part of a buyer's browser that Stripe's own script plays."""

    def __init__(self):
        script = Path(__file__).with_name("localstripe_here.py")
        self.process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def ask(self, method, path, expected=200, **parameters):
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        answer = requests.request(method, self.url + path, headers=headers, data=parameters, timeout=DEADLINE)
        assert answer.status_code == expected, answer.text
        return answer.json()

    def notify(self, url):
        """Where events go."""
        hook = {"url": url, "secret": WEBHOOK_SECRET}
        requests.post(f"{self.url}/_config/webhooks/shop", json=hook, timeout=DEADLINE).raise_for_status()

    def pay(self, client_secret, number, expected=200):
        """Names a card and confirms; the PaymentIntent after it."""
        reference = client_secret.partition("_secret_")[0]
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2035", "card[cvc]": "123"}
        method = self.ask("POST", "/v1/payment_methods", type="card", **card)
        self.ask("POST", f"/v1/payment_intents/{reference}", payment_method=method["id"])
        return self.ask("POST", f"/v1/payment_intents/{reference}/confirm", expected)

    def authenticate(self, client_secret, success):
        reference = client_secret.partition("_secret_")[0]
        parameters = {"client_secret": client_secret, "success": "true" if success else "false"}
        return self.ask("POST", f"/v1/payment_intents/{reference}/_authenticate", **parameters)

    def tell(self, shop, kind, client_secret):
        """An event that Stripe sends and localstripe does not."""
        event = {
            "id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": kind, "created": int(time.time()),
            "livemode": False, "data": {"object": self.shown(client_secret)},
        }
        body = json.dumps(event)
        signed = f"{event['created']}.{body}"
        tag = hmac.new(WEBHOOK_SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={event['created']},v1={tag}"}
        answer = requests.post(f"{shop.url}/payments/webhooks/stripe/", data=body, headers=headers, timeout=DEADLINE)
        assert answer.status_code == 200, answer.text

    def shown(self, client_secret):
        return self.ask("GET", f"/v1/payment_intents/{client_secret.partition('_secret_')[0]}")


class Shop:
    """A shop that takes cards there, with one thing to sell for 10.00."""

    def __init__(self, server, network):
        self.url = server.url
        network.notify(f"{self.url}/payments/webhooks/stripe/")
        server.create_superuser("eve@example.com", PASSWORD)
        login = {"email": "eve@example.com", "password": PASSWORD}
        self.staff = {"Authorization": f"Bearer {self.ask('POST', '/accounts/login/', 200, login)['access']}"}
        thing = {"name": "A shirt", "sku": "SHIRT", "price": "10.00", "stock": 100}
        self.ask("POST", "/catalog/products/", 201, thing, self.staff)
        zone = self.ask("POST", "/shipping/zones/", 201, {"name": "Home", "countries": ["GB"]}, self.staff)
        post = {"name": "Post", "zone_id": zone["id"], "rate": {"type": "flat", "price": "0"}}
        self.method = self.ask("POST", "/shipping/methods/", 201, post, self.staff)["id"]

    def ask(self, method, path, expected, body=None, headers=None):
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=DEADLINE)
        assert answer.status_code == expected, answer.text
        return answer.json()

    def place(self):
        """A guest's order for 30.00, to be paid by card."""
        cart = self.ask("POST", "/cart/items/", 201, {"sku": "SHIRT", "quantity": 3})["token"]
        body = {
            "shipping_address": ADDRESS, "shipping_method_id": self.method,
            "payment_gateway": "stripe", "email": "ada@example.com",
        }
        return self.ask("POST", "/orders/", 201, body, {"X-Cart-Token": cart})

    def order_once(self, order, what, is_so):
        def look():
            found = self.ask("GET", f"/orders/{order['id']}/", 200, headers=self.staff)
            return found if is_so(found) else None

        return eventually(look, what)

    def paid(self, order):
        return self.order_once(order, "the order is paid", lambda found: found["payment_status"] == "paid")

    def act(self, order, what, expected, body=None):
        payment = order["payments"][0]["id"]
        return self.ask("POST", f"/payments/{payment}/{what}/", expected, body or {}, self.staff)


@pytest.fixture(scope="module")
def network():
    network = Network()
    yield network
    network.process.terminate()
    network.process.wait(DEADLINE)


def shop_at(network, start_server, **more):
    variables = {"STRIPE_SECRET_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET, "STRIPE_API_BASE": network.url}
    return Shop(start_server(**variables, **more), network)


@pytest.fixture(scope="module")
def shop(network, start_server):
    return shop_at(network, start_server)


def secret_of(order):
    return order["payments"][0]["client_secret"]


def test_a_card_pays_and_is_refunded_in_parts(network, shop):
    order = shop.place()
    intent = network.shown(secret_of(order))
    assert (intent["amount"], intent["currency"], intent["metadata"]["order_id"]) == (3000, "usd", order["id"])
    assert network.pay(secret_of(order), "4242424242424242")["status"] == "succeeded"
    assert shop.paid(order)["amount_paid"] == "30.00"
    refund = shop.act(order, "refunds", 201, {"amount": "12.50"})
    assert (refund["amount"], refund["status"]) == ("12.50", "succeeded")
    shop.act(order, "refunds", 400, {"amount": "17.51"})
    shop.act(order, "refunds", 201)
    found = shop.order_once(order, "all is refunded", lambda found: found["payment_status"] == "refunded")
    assert found["amount_refunded"] == "30.00"
    refunds = network.ask("GET", f"/v1/refunds?payment_intent={intent['id']}")["data"]
    assert sorted(refund["amount"] for refund in refunds) == [1250, 1750]


def test_the_bank_asks_first(network, shop):
    order = shop.place()
    assert network.pay(secret_of(order), "4000000000003220")["status"] == "requires_action"
    assert network.authenticate(secret_of(order), True)["status"] == "succeeded"
    shop.paid(order)


def test_a_declined_card_leaves_room_for_another_attempt(network, shop):
    order = shop.place()
    network.pay(secret_of(order), "4000000000000341", expected=402)
    declined = "Your card was declined."
    shop.order_once(order, "the decline is seen", lambda found: found["payments"][0].get("failure") == declined)
    attempt = {"order_id": order["id"], "gateway": "stripe"}
    headers = {"X-Order-Token": order["access_token"]}
    second = shop.ask("POST", "/payments/", 201, attempt, headers)
    assert second["client_secret"] != secret_of(order)
    assert network.shown(secret_of(order))["status"] == "canceled", "at most one attempt is live"
    network.pay(second["client_secret"], "4242424242424242")
    shop.paid(order)


def test_what_is_authorized_is_captured_later(network, start_server):
    shop = shop_at(network, start_server, STRIPE_CAPTURE="manual")
    order = shop.place()
    assert network.pay(secret_of(order), "4242424242424242")["status"] == "requires_capture"
    network.tell(shop, "payment_intent.amount_capturable_updated", secret_of(order))
    shop.order_once(order, "the card is authorized", lambda found: found["payment_status"] == "authorized")
    payment = shop.act(order, "capture", 200)
    assert payment["amount_captured"] == "30.00"
    assert network.shown(secret_of(order))["status"] == "succeeded"
    shop.paid(order)


def test_a_canceled_order_cannot_be_paid_any_more(network, shop):
    order = shop.place()
    shop.ask("POST", f"/orders/{order['id']}/cancel/", 200, {}, {"X-Order-Token": order["access_token"]})
    shop.order_once(order, "the payment is called off", lambda found: found["payments"][0]["status"] == "voided")
    assert network.shown(secret_of(order))["status"] == "canceled"
