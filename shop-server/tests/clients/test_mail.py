"""Mail over real SMTP: what arrives, what is never sent in the clear, and what happens while the mail server is away."""

import ssl

import pytest
import requests
import trustme
from aiosmtpd.smtp import AuthResult
from conftest import DEADLINE, Inbox, code_in, free_port, smtp

PASSWORD = "analytical-engine-1842"


def register(server, address):
    answer = requests.post(f"{server.url}/accounts/register/", json={"email": address, "password": PASSWORD}, timeout=DEADLINE)
    assert answer.status_code == 201, answer.text


def verify(server, address, code):
    body = {"email": address, "otp": code}
    return requests.post(f"{server.url}/accounts/verify-otp/", json=body, timeout=DEADLINE).status_code


def test_a_stranger_is_mailed_a_code_that_works(start_server, mail_server):
    inbox = Inbox()
    sender = {"DEFAULT_FROM_EMAIL": "Ada's Shop <shop@example.org>"}
    server = start_server(**smtp(mail_server(inbox).port, **sender))
    register(server, "ada@example.com")
    assert inbox.arrived.wait(DEADLINE)

    mail = inbox.mails[0]
    assert inbox.recipients[0] == ["ada@example.com"]
    assert (mail["To"], mail["From"].addresses[0].addr_spec) == ("ada@example.com", "shop@example.org")
    assert mail["Subject"] and mail["Date"].datetime and mail["Message-ID"].endswith("@example.org>")
    assert mail.get_content_type() == "multipart/alternative"
    code = code_in(mail)
    html = mail.get_body(["html"]).get_content()
    assert code in html and "<html" in html.lower()
    assert code not in "".join(server.lines), "a code is in the log"
    assert verify(server, "ada@example.com", code) == 200


def test_mail_waits_while_the_server_is_away(start_server, mail_server):
    port = free_port()
    server = start_server(**smtp(port))
    register(server, "ada@example.com")
    failure = server.logged("delivery failed")
    inbox = Inbox()
    mail_server(inbox, port)
    assert inbox.arrived.wait(DEADLINE)
    assert len(inbox.mails) == 1
    code = code_in(inbox.mails[0])
    assert code not in str(failure)
    assert verify(server, "ada@example.com", code) == 200


class Strict(Inbox):
    """Knows no SMTPUTF8, and no mailbox whose name begins with `nobody`."""

    def __init__(self):
        super().__init__()
        self.tried = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tried.append(address)
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later") and self.tried.count(address) < 2:
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_an_international_domain_goes_out_in_ascii(start_server, mail_server):
    inbox = Inbox()
    server = start_server(**smtp(mail_server(inbox, enable_SMTPUTF8=False).port, DEFAULT_FROM_EMAIL="shop@m\u00fcnchen.example"))
    register(server, "ada@b\u00fccher.example")
    assert inbox.arrived.wait(DEADLINE)
    mail = inbox.mails[0]
    assert inbox.recipients[0] == ["ada@xn--bcher-kva.example"]
    assert (mail["To"], mail["From"].addresses[0].addr_spec) == ("ada@xn--bcher-kva.example", "shop@xn--mnchen-3ya.example")
    assert mail["Message-ID"].endswith("@xn--mnchen-3ya.example>")
    assert verify(server, "ada@b\u00fccher.example", code_in(mail)) == 200


def test_what_is_refused_for_good_is_not_tried_again(start_server, mail_server):
    inbox = Strict()
    server = start_server(**smtp(mail_server(inbox, enable_SMTPUTF8=False).port))
    register(server, "nobody@example.com")
    assert "no such mailbox" in server.logged("gave up a delivery")["error"]
    # Whoever writes to a name that this server cannot take gets no second answer either.
    register(server, "\u00e4da@example.com")
    server.logged("gave up a delivery")
    register(server, "later@example.com")
    server.logged("will be tried again")
    assert inbox.arrived.wait(DEADLINE)
    assert inbox.recipients == [["later@example.com"]]
    assert inbox.tried.count("nobody@example.com") == 1


def test_nothing_is_sent_in_the_clear_when_tls_is_asked_for(start_server, mail_server):
    inbox = Inbox()
    server = start_server(**smtp(mail_server(inbox).port, EMAIL_USE_TLS="True"))
    register(server, "ada@example.com")
    server.logged("delivery failed")
    assert not inbox.mails


def certified_by(authority, protocol=ssl.PROTOCOL_TLS_SERVER):
    context = ssl.SSLContext(protocol)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_mail_goes_encrypted_to_a_server_that_is_vouched_for(start_server, mail_server, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    inbox = Inbox()
    # This server takes nothing before STARTTLS.
    controller = mail_server(inbox, tls_context=certified_by(authority), require_starttls=True)
    server = start_server(**smtp(controller.port, EMAIL_USE_TLS="True", EMAIL_CA_FILE=str(tmp_path / "ca.pem")))
    register(server, "ada@example.com")
    assert inbox.arrived.wait(DEADLINE)
    assert verify(server, "ada@example.com", code_in(inbox.mails[0])) == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(start_server, mail_server):
    inbox = Inbox()
    controller = mail_server(inbox, tls_context=certified_by(trustme.CA()))
    server = start_server(**smtp(controller.port, EMAIL_USE_TLS="True"))
    register(server, "ada@example.com")
    server.logged("delivery failed")
    assert not inbox.mails


def test_mail_goes_to_a_server_that_is_encrypted_from_the_first_byte(start_server, mail_server, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    inbox = Inbox()
    # The context of both sides: the test's own server knocks at itself with it.
    with pytest.warns(DeprecationWarning):
        context = certified_by(authority, ssl.PROTOCOL_TLS)
    controller = mail_server(inbox, ssl_context=context)
    server = start_server(**smtp(controller.port, EMAIL_USE_SSL="True", EMAIL_CA_FILE=str(tmp_path / "ca.pem")))
    register(server, "ada@example.com")
    assert inbox.arrived.wait(DEADLINE)
    assert verify(server, "ada@example.com", code_in(inbox.mails[0])) == 200


@pytest.mark.parametrize("password", ["open-sesame-1", "closed-sesame-1"])
def test_the_shop_signs_in_at_the_mail_server(start_server, mail_server, tmp_path, password):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    inbox = Inbox()
    seen = []

    def judge(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"open-sesame-1")

    controller = mail_server(
        inbox, tls_context=certified_by(authority), require_starttls=True, authenticator=judge, auth_required=True
    )
    account = {"EMAIL_HOST_USER": "shop@example.org", "EMAIL_HOST_PASSWORD": password}
    server = start_server(
        **smtp(controller.port, EMAIL_USE_TLS="True", EMAIL_CA_FILE=str(tmp_path / "ca.pem"), **account)
    )
    register(server, "ada@example.com")
    if password == "open-sesame-1":
        assert inbox.arrived.wait(DEADLINE)
        # Mail servers want mail from the account that signed in.
        assert inbox.mails[0]["From"].addresses[0].addr_spec == "shop@example.org"
        assert verify(server, "ada@example.com", code_in(inbox.mails[0])) == 200
    else:
        server.logged("delivery failed")
        assert not inbox.mails
    assert seen[0] == (b"shop@example.org", password.encode())
    assert password not in "".join(server.lines), "a password is in the log"


def test_a_first_look_needs_no_mail_server(start_server):
    """Nothing is configured: the code stands on the terminal."""
    server = start_server(EMAIL_BACKEND="", EMAIL_FILE_PATH="")
    register(server, "ada@example.com")
    code = server.printed(r"^\s*(\d{6})\s*$")
    assert verify(server, "ada@example.com", code) == 200
