//! Network failures: lost replies, repeated calls, and servers that respond with nonsense.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::super::stub::{Call, Fault, Point};
use super::*;

#[track_caller]
fn unavailable(result: &Result<Snapshot, GatewayError>) {
    assert!(matches!(result, Err(GatewayError::Unavailable(_))), "{result:?}");
}

#[tokio::test]
async fn a_lost_reply_and_the_same_key_make_one_payment() {
    let world = World::new(Capture::Automatic);
    let call = world.create_call("key-1");
    for fault in [Fault::LoseRequest, Fault::LoseReply, Fault::Response(500), Fault::Response(429)] {
        world.stripe.fail(Call::Create, fault);
        unavailable(&world.gateway.create(&call).await);
    }
    let snapshot = world.gateway.create(&call).await.unwrap();
    assert_eq!((world.stripe.payments().len(), stands(&snapshot)), (1, (PaymentState::Pending, 0, 0)));
    assert_eq!(world.stripe.asked(Call::Create), 5);
}

#[tokio::test]
async fn a_repeated_call_is_answered_with_what_is_now() {
    let mut world = World::new(Capture::Automatic);
    let call = world.create_call("create");
    let secret = world.created().await;
    world.stripe.pay(&secret, Card::Visa).unwrap();
    let again = world.gateway.create(&call).await.unwrap();
    assert_eq!(stands(&again), (PaymentState::Captured, 3000, 3000), "the first answer said pending");
    for _ in 0..2 {
        let refunded = world.gateway.refund(&world.refund_call("refund", 1, 1000)).await.unwrap();
        assert_eq!(refunded.refunds.len(), 1);
    }
    assert_eq!(world.stripe.balance(), 2000);
}

#[tokio::test]
async fn the_same_key_for_another_request_is_nobodys_guess() {
    let mut world = World::new(Capture::Automatic);
    world.created().await;
    world.payment.amount = Amount(3001);
    let other = world.gateway.create(&world.create_call("create")).await;
    assert!(matches!(other, Err(GatewayError::Misconfigured(_))), "{other:?}");
    assert_eq!(world.stripe.payments().len(), 1);
}

#[tokio::test]
async fn a_twin_under_way_is_to_be_asked_again() {
    let world = World::new(Capture::Automatic);
    let mut gate = world.stripe.hold(Call::Create, Point::After);
    let call = world.create_call("twin");
    let twin = async {
        gate.reached().await;
        unavailable(&world.gateway.create(&call).await);
        gate.release();
    };
    let (first, ()) = tokio::join!(world.gateway.create(&call), twin);
    assert_eq!(first.unwrap().reference, world.gateway.create(&call).await.unwrap().reference);
    assert_eq!(world.stripe.payments().len(), 1);
}

#[tokio::test]
async fn after_a_refund_whose_news_were_lost_the_same_key_finds_it() {
    let world = World::paid(Capture::Automatic, Card::Visa).await;
    for call in [Call::Refund, Call::Retrieve, Call::ListRefunds] {
        world.stripe.fail(call, Fault::LoseReply);
        unavailable(&world.gateway.refund(&world.refund_call("refund", 1, 3000)).await);
    }
    let refunded = world.gateway.refund(&world.refund_call("refund", 1, 3000)).await.unwrap();
    assert_eq!((refunded.refunds.len(), world.stripe.balance()), (1, 0));
}

#[tokio::test]
async fn a_wrong_key_is_for_somebody_to_look_at() {
    let stripe = Stub::start().unwrap();
    let options = StripeOptions { api_base: stripe.base(), ..StripeOptions::new("sk_test_anothers") };
    let gateway = StripeGateway::new(options).unwrap();
    let world = World { stripe, gateway, payment: payment(3000, "USD") };
    let error = world.gateway.create(&world.create_call("create")).await.unwrap_err();
    assert!(matches!(error, GatewayError::Misconfigured(_)), "{error:?}");
    assert!(!format!("{error:?} {error} {:?}", world.gateway).contains("anothers"));
}

/// Answers one request with these bytes; returns the base URL.
fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 4096]);
        // A client that has read enough closes the connection.
        let _ = socket.write_all(&bytes);
    });
    format!("http://{address}")
}

#[tokio::test]
async fn whatever_answers_in_the_place_of_stripe_is_not_believed() {
    let huge = [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".as_slice(), &vec![b' '; 5 << 20]].concat();
    let plain = |text: &str| text.as_bytes().to_vec();
    let answers = [
        huge,
        plain("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        plain("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"),
        plain("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
        plain("SSH-2.0-OpenSSH_9.2\r\n"),
        plain(""),
    ];
    for answer in answers {
        let options = StripeOptions { api_base: answering(answer), ..StripeOptions::new("sk_test_secret") };
        let gateway = StripeGateway::new(options).unwrap();
        let world = World { stripe: Stub::start().unwrap(), gateway, payment: payment(3000, "USD") };
        let result = world.gateway.create(&world.create_call("create")).await;
        let shown = format!("{result:?}");
        assert!(!shown.contains("sk_test_secret"), "{shown}");
        unavailable(&result);
    }
}
