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
