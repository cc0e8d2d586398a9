"""The whole journey, from a stranger's registration to a delivered parcel, through the generated Python client alone.

`scripts/clients` generates the package `shop_client` from shop-server/openapi.json and puts it on the path.
"""

import pytest

pytest.importorskip("shop_client", reason="scripts/clients generates it")

from shop_client import AuthenticatedClient, Client
from shop_client.api.accounts import accounts_login, accounts_register, accounts_user_retrieve, accounts_verify_otp
from shop_client.api.cart import cart_create, cart_items_create, cart_shipping_options_list
from shop_client.api.catalog import catalog_categories_create, catalog_products_create, catalog_products_list
from shop_client.api.inventory import inventory_stock_retrieve
from shop_client.api.orders import orders_create, orders_history_list, orders_retrieve
from shop_client.api.payments import payments_capture
from shop_client.api.shipping import (
    shipping_methods_create,
    shipping_shipments_create,
    shipping_shipments_events,
    shipping_track_retrieve,
    shipping_zones_create,
)
from shop_client.models import (
    AddItemRequest,
    AddressRequest,
    AmountRequest,
    CategoryRequest,
    LoginRequest,
    MethodRequest,
    OrderRequest,
    OrderStatus,
    PaymentState,
    PaymentStatus,
    Problem,
    ProductRequest,
    RateRequest,
    RateType,
    RegisterRequest,
    ShipmentRequest,
    ShipmentStatus,
    TrackingRequest,
    TrackingStatus,
    VerifyOtpRequest,
    ZoneRequest,
)

PASSWORD = "analytical-engine-1842"
ADDRESS = AddressRequest(
    first_name="Ada", last_name="Lovelace", line1="12 St James's Square", city="New York", region="NY",
    postal_code="10001", country="US",
)


def sign_in(server, email, password=PASSWORD):
    answer = accounts_login.sync(client=Client(server.url), body=LoginRequest(email=email, password=password))
    return AuthenticatedClient(server.url, answer.access)


def stock_the_shop(staff):
    """One mug in a category, and one way to ship it."""
    category = catalog_categories_create.sync(client=staff, body=CategoryRequest(name="Kitchen"))
    body = ProductRequest(name="Mug", price="12.50", sku="MUG", stock=3, weight_grams=350, category_id=category.id)
    product = catalog_products_create.sync(client=staff, body=body)
    zone = shipping_zones_create.sync(client=staff, body=ZoneRequest(name="Everywhere", countries=["*"]))
    rate = RateRequest(type_=RateType.FLAT, price="4.90")
    method = shipping_methods_create.sync(client=staff, body=MethodRequest(name="Post", zone_id=zone.id, rate=rate))
    return product, method


@pytest.fixture(scope="module")
def server(start_server):
    return start_server()


@pytest.fixture(scope="module")
def shop(server):
    """A running shop with a member of staff, a product and a shipping method."""
    server.create_superuser("charles@example.com", PASSWORD)
    staff = sign_in(server, "charles@example.com")
    return server, staff, *stock_the_shop(staff)


def test_a_customer_registers_orders_and_receives(shop):
    server, staff, product, method = shop
    nobody = Client(server.url)
    email = "ada@example.com"

    registered = accounts_register.sync(client=nobody, body=RegisterRequest(email=email, password=PASSWORD))
    assert registered.email == email
    unconfirmed = accounts_login.sync(client=nobody, body=LoginRequest(email=email, password=PASSWORD))
    assert isinstance(unconfirmed, Problem) and unconfirmed.code == "email_not_verified"
    accounts_verify_otp.sync(client=nobody, body=VerifyOtpRequest(email=email, otp=server.mailed_code(email)))
    ada = sign_in(server, email)
    assert accounts_user_retrieve.sync(client=ada).username is None

    found = catalog_products_list.sync(client=nobody, search="mug", in_stock=True, ordering="price")
    assert [(it.name, it.price, it.variants[0].available) for it in found.results] == [("Mug", "12.50", 3)]
    cart = cart_items_create.sync(client=ada, body=AddItemRequest(sku=found.results[0].sku, quantity=2))
    assert (cart.total, cart.items[0].line_total) == ("25.00", "25.00")
    too_many = cart_items_create.sync(client=ada, body=AddItemRequest(sku="MUG", quantity=2))
    assert (too_many.code, too_many.sku, too_many.available) == ("out_of_stock", "MUG", 3)
    options = cart_shipping_options_list.sync(client=ada, country="US")
    assert [(option.id, option.price) for option in options.results] == [(method.id, "4.90")]

    body = OrderRequest(
        shipping_method_id=options.results[0].id, payment_gateway="manual", shipping_address=ADDRESS, expected_total="29.90"
    )
    answer = orders_create.sync_detailed(client=ada, body=body, idempotency_key="journey-1")
    order = answer.parsed
    assert (answer.status_code, order.total, order.payment_status) == (201, "29.90", PaymentStatus.NOT_PAID)
    again = orders_create.sync_detailed(client=ada, body=body, idempotency_key="journey-1")
    assert (again.parsed.id, again.headers["Idempotency-Replayed"]) == (order.id, "true")

    refused = payments_capture.sync(order.payments[0].id, client=ada, body=AmountRequest())
    assert (refused.status, refused.code) == (403, "permission_denied")
    payment = payments_capture.sync(order.payments[0].id, client=staff, idempotency_key="journey-2")
    assert (payment.status, payment.amount_captured) == (PaymentState.CAPTURED, "29.90")
    parcel = ShipmentRequest(order_id=order.id, carrier="UPS", tracking_number="1Z-JOURNEY")
    shipment = shipping_shipments_create.sync(client=staff, body=parcel)
    for status in [TrackingStatus.SHIPPED, TrackingStatus.IN_TRANSIT, TrackingStatus.DELIVERED]:
        shipment = shipping_shipments_events.sync(shipment.id, client=staff, body=TrackingRequest(status=status))
    assert shipment.status is ShipmentStatus.DELIVERED

    tracked = shipping_track_retrieve.sync("1Z-JOURNEY", client=nobody)
    assert [event.status.value for event in tracked.events] == ["shipped", "in_transit", "delivered"]
    order = orders_retrieve.sync(order.id, client=ada)
    assert (order.status, order.payment_status) == (OrderStatus.COMPLETED, PaymentStatus.PAID)
    events = [entry.event for entry in orders_history_list.sync(order.id, client=ada)]
    assert events[0] == "placed" and events[-1] == "completed"
    stock = inventory_stock_retrieve.sync(product.variants[0].id, client=staff)
    assert (stock.on_hand, stock.reserved, stock.available) == (1, 0, 1)


def test_a_guest_orders_without_an_account(shop):
    server, _, _, method = shop
    cart = cart_create.sync_detailed(client=Client(server.url))
    assert cart.status_code == 201
    guest = Client(server.url, headers={"X-Cart-Token": cart.parsed.token})
    assert cart_items_create.sync(client=guest, body=AddItemRequest(sku="MUG")).items[0].quantity == 1

    body = OrderRequest(
        shipping_method_id=method.id, payment_gateway="manual", shipping_address=ADDRESS, email="guest@example.com"
    )
    order = orders_create.sync(client=guest, body=body)
    stranger = orders_retrieve.sync(order.id, client=Client(server.url))
    assert isinstance(stranger, Problem) and stranger.status == 401
    holder = Client(server.url, headers={"X-Order-Token": order.access_token})
    assert orders_retrieve.sync(order.id, client=holder).number == order.number
