use super::*;

fn keys() -> Keys {
    Keys::new(b"0123456789abcdef0123456789abcdef")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[test]
fn a_secret_does_not_show_itself() {
    assert_eq!(format!("{:?}", Some(Secret::from("hunter2"))), "Some([secret])");
    assert!(!format!("{:?}", keys()).contains("0123"));
    let wrong = serde_json::from_str::<Secret>("12345678").unwrap_err().to_string();
    assert!(!wrong.contains("1234"), "{wrong}");
    assert_eq!(serde_json::from_str::<Secret>("\"x\"").unwrap().expose(), "x");
}

#[test]
fn secrets_match_only_themselves() {
    let secret = Secret::from("grün");
    assert!(secret.matches("grün"));
    for other in ["", "gr", "grün ", "gru\u{308}n", "GRÜN"] {
        assert!(!secret.matches(other), "{other}");
    }
}

#[test]
fn hmac_agrees_with_rfc_4231() {
    // Test cases 2 (a short key) and 6 (one longer than a block).
    assert_eq!(
        hex(&tag(&hmac(b"Jefe"), &[b"what do ya want ", b"for nothing?"])),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        hex(&tag(&hmac(&[0xaa; 131]), &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn codes_are_six_digits_and_spread_evenly() {
    let keys = keys();
    let mut first_digits = [0_u32; 10];
    for number in 0..10_000 {
        let code = keys.otp_code(OtpId(id(number)));
        assert!(code.expose().len() == 6 && code.expose().bytes().all(|byte| byte.is_ascii_digit()));
        first_digits[usize::from(code.expose().as_bytes()[0] - b'0')] += 1;
    }
    // 1,000 each is expected; six standard deviations are 180.
    assert!(first_digits.iter().all(|count| (820..=1180).contains(count)), "{first_digits:?}");
    assert_eq!(keys.otp_code(OtpId(id(1))).expose(), keys.otp_code(OtpId(id(1))).expose());
}

#[test]
fn guests_tokens_open_what_they_were_made_for_and_nothing_else() {
    let keys = keys();
    let cart = keys.cart_token(CartId(id(7)));
    assert_eq!(keys.open_cart_token(cart.expose()), Some(CartId(id(7))));
    assert_eq!(keys.open_order_token(cart.expose()), None);
    let order = keys.order_token(OrderId(id(7)));
    assert_eq!(keys.open_order_token(order.expose()), Some(OrderId(id(7))));
    assert_eq!(keys.open_cart_token(order.expose()), None);
    assert_eq!(Keys::new(b"another").open_cart_token(cart.expose()), None);
}

#[test]
fn a_token_with_any_letter_changed_opens_nothing() {
    let keys = keys();
    let token = keys.cart_token(CartId(id(7)));
    for position in 0..64 {
        for letter in ["A", "B", "-", "_", "=", "é"] {
            let mut tampered = token.expose().to_owned();
            tampered.replace_range(position..=position, letter);
            assert!(tampered == token.expose() || keys.open_cart_token(&tampered).is_none(), "{tampered}");
        }
    }
    for wrong in ["", "x", &token.expose()[..63], &format!("{}A", token.expose()), &"é".repeat(32), &"A".repeat(64)] {
        assert_eq!(keys.open_cart_token(wrong), None, "{wrong}");
    }
}

#[test]
fn reset_tokens_live_for_an_hour_and_die_with_the_account_they_were_made_for() {
    let (keys, user) = (keys(), UserId(id(1)));
    let token = keys.reset_token(user, "hash", "a@example.com", 1_800_000_000);
    let token = token.expose();
    let check = |now| keys.check_reset_token(token, user, "hash", "a@example.com", now);
    assert!(check(1_800_000_000) && check(1_800_003_600) && check(1_799_999_940));
    assert!(!check(1_800_003_601) && !check(1_799_999_939) && !check(i64::MIN) && !check(i64::MAX));
    let now = 1_800_000_000;
    assert!(!keys.check_reset_token(token, UserId(id(2)), "hash", "a@example.com", now));
    assert!(!keys.check_reset_token(token, user, "other", "a@example.com", now));
    assert!(!keys.check_reset_token(token, user, "hash", "b@example.com", now));
    // The border between two fields cannot be moved.
    assert!(!keys.check_reset_token(token, user, "hasha", "@example.com", now));
    assert!(!Keys::new(b"another").check_reset_token(token, user, "hash", "a@example.com", now));
}

#[test]
fn malformed_reset_tokens_are_refused() {
    let (keys, user, now) = (keys(), UserId(id(1)), 1_800_000_000);
    let genuine = keys.reset_token(user, "hash", "a@example.com", now);
    let (seconds, tag) = genuine.expose().split_once('-').unwrap();
    let wrong = [
        String::new(),
        "-".into(),
        "é-é".into(),
        tag.into(),
        format!("{seconds}-"),
        format!("-{tag}"),
        format!("0{seconds}-{tag}"),
        format!("+{seconds}-{tag}"),
        format!("{}-{tag}", seconds.to_uppercase()),
        format!("{seconds}-{}", tag.to_uppercase()),
        format!("{}-{tag}", base36(now.unsigned_abs() + 1)),
        "z".repeat(100_000),
        format!("-{seconds}-{tag}"),
        format!("zzzzzzzzzzzzz-{tag}"),
    ];
    for token in wrong {
        assert!(!keys.check_reset_token(&token, user, "hash", "a@example.com", now), "{token:.100}");
    }
}

#[test]
fn user_ids_survive_a_link() {
    let user = UserId(id(u128::MAX / 3));
    assert_eq!(decode_user_id(&encode_user_id(user)), Some(user));
    let last_letter_changed = format!("{}B", "A".repeat(21));
    for wrong in ["", "MQ", "é", &"A".repeat(23), &"é".repeat(11), &last_letter_changed] {
        assert_eq!(decode_user_id(wrong), None, "{wrong}");
    }
}

#[test]
fn tags_differ_by_purpose_and_message() {
    let keys = keys();
    let tag = keys.tag("csrf", b"session");
    assert!(tag.matches(keys.tag("csrf", b"session").expose()));
    for other in [keys.tag("csrf", b"other"), keys.tag("other", b"session"), keys.tag("csrfs", b"ession")] {
        assert!(!tag.matches(other.expose()));
    }
}

#[test]
fn tokens_are_stored_as_their_sha_256() {
    assert_eq!(hash_token("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_ne!(hash_token("abc"), hash_token("abd"));
}

#[test]
fn what_was_made_under_an_earlier_key_still_opens_and_nothing_new_is_made_under_it() {
    let (old, next) = (Keys::new(&[1; 32]), Keys::new(&[2; 32]).with_fallbacks([[1; 32].as_slice()]));
    let alone = Keys::new(&[2; 32]);
    let (cart, order, otp, user, payment) =
        (CartId(id(1)), OrderId(id(2)), OtpId(id(3)), UserId(id(4)), crate::id::PaymentId(id(5)));

    assert_eq!(next.open_cart_token(old.cart_token(cart).expose()), Some(cart));
    assert_eq!(next.open_order_token(old.order_token(order).expose()), Some(order));
    assert!(next.is_otp_code(otp, old.otp_code(otp).expose()) && next.is_otp_code(otp, next.otp_code(otp).expose()));
    let link = old.reset_token(user, "hash", "a@example.com", 1_000);
    assert!(next.check_reset_token(link.expose(), user, "hash", "a@example.com", 1_000));
    assert!(next.is_tag("csrf", b"session", old.tag("csrf", b"session").expose()));
    assert!(!next.is_tag("csrf", b"another", old.tag("csrf", b"session").expose()));
    let sealed = old.seal_client_secret(payment, &"secret".into()).unwrap();
    assert!(next.open_client_secret(payment, &sealed).unwrap().matches("secret"));
    assert!(
        alone.open_client_secret(payment, &sealed).is_none()
            && alone.open_cart_token(old.cart_token(cart).expose()).is_none()
    );

    assert_eq!(next.cart_token(cart).expose(), alone.cart_token(cart).expose());
    assert_eq!(next.order_token(order).expose(), alone.order_token(order).expose());
    assert_eq!(next.otp_code(otp).expose(), alone.otp_code(otp).expose());
    assert_eq!(next.tag("csrf", b"session").expose(), alone.tag("csrf", b"session").expose());
    assert!(old.open_client_secret(payment, &next.seal_client_secret(payment, &"secret".into()).unwrap()).is_none());
    let link = next.reset_token(user, "hash", "a@example.com", 1_000);
    assert!(!old.check_reset_token(link.expose(), user, "hash", "a@example.com", 1_000));
}

#[test]
fn a_device_token_opens_to_what_it_was_made_of() {
    let keys = keys();
    let token = keys.device_token(UserId(id(1)), id(2));
    assert_eq!(keys.open_device_token(token.expose()), Some((UserId(id(1)), id(2))));
    let rotated = Keys::new(&[3; 32]).with_fallbacks([b"0123456789abcdef0123456789abcdef".as_slice()]);
    assert!(rotated.open_device_token(token.expose()).is_some());
    for other in [Keys::new(&[3; 32]).device_token(UserId(id(1)), id(2)), keys.cart_token(CartId(id(1)))] {
        assert_eq!(keys.open_device_token(other.expose()), None);
    }
    for place in 0..token.expose().len() {
        let mut tampered = token.expose().to_owned();
        let other = if tampered.as_bytes()[place] == b'A' { "B" } else { "A" };
        tampered.replace_range(place..=place, other);
        assert_eq!(keys.open_device_token(&tampered), None, "{tampered}");
    }
    for wrong in ["", "A", &"A".repeat(86), &"é".repeat(43)] {
        assert_eq!(keys.open_device_token(wrong), None, "{wrong}");
    }
}
