//! Verifies event signatures ("Receive Stripe events in your webhook endpoint", section "Verify webhook signatures
//! manually").
//!
//! The header `Stripe-Signature` is `t=<unix seconds>,v1=<hex>[,v1=…]`; each `v1` is the HMAC-SHA256 of
//! `{t}.{raw body}` under a secret of the endpoint. There are several during a secret rotation. Other
//! schemes (`v0`) are ignored, because accepting them would allow a downgrade.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shop_core::secret::Secret;
use subtle::ConstantTimeEq as _;

/// The maximum difference in seconds between a signature's time and ours, as in Stripe's own libraries.
const TOLERANCE: i64 = 300;
/// The maximum number of signatures checked. A rotation needs two; the limit bounds the work that a header can cause.
const MAX_SIGNATURES: usize = 8;
/// The maximum number of digits of a time in seconds, enough for three hundred thousand years.
const MAX_TIME_DIGITS: usize = 13;

/// Whether the body was signed with one of the secrets within the tolerance.
pub(super) fn is_genuine(header: &str, body: &[u8], secrets: &[Secret], now_seconds: i64) -> bool {
    let Some((time, signatures)) = parse(header) else { return false };
    let recent = time.parse::<i64>().is_ok_and(|time| now_seconds.abs_diff(time) <= TOLERANCE.unsigned_abs());
    // Compare every secret with every signature, so that the time taken does not reveal which one matches.
    let mut genuine = subtle::Choice::from(0);
    for secret in secrets {
        let Some(expected) = tag(secret, time, body) else { continue };
        for signature in &signatures {
            genuine |= expected.ct_eq(signature);
        }
    }
    bool::from(genuine) && recent
}

/// Parses the time, as the text that was signed, and the signatures of the scheme `v1`.
fn parse(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", text) if time.is_none() => time = Some(text),
            // Stripe never sends two times in one header.
            ("t", _) => return None,
            ("v1", hex) if signatures.len() < MAX_SIGNATURES => signatures.extend(unhex(hex)),
            _ => {}
        }
    }
    let written =
        |text: &&str| (1..=MAX_TIME_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    Some((time.filter(written)?, signatures))
}

fn tag(secret: &Secret, time: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id": "evt_1"}"#;
    const NOW: i64 = 1_700_000_000;
    /// `printf '1700000000.{"id": "evt_1"}' | openssl dgst -sha256 -hmac whsec_one`, and the same with `whsec_two`.
    const ONE: &str = "ad6f82342e161ff43f1a4397a32b52f8e4da6b4e2a16398679d3741baaea59d5";
    const TWO: &str = "19530df8575f3455d6bb5804194d752cbf1dc7982e28ae7d76202c6a5688d58c";

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().copied().map(Secret::from).collect()
    }

    fn genuine(header: &str) -> bool {
        is_genuine(header, BODY, &secrets(&["whsec_one"]), NOW)
    }

    #[test]
    fn a_signature_made_elsewhere_is_known() {
        assert!(genuine(&format!("t=1700000000,v1={ONE}")));
        assert!(genuine(&format!("t=1700000000, v1={ONE},v0={TWO}")), "other schemes are ignored");
        assert!(genuine(&format!("v1={TWO},v1=abc,v1={},t=1700000000", ONE.to_uppercase())), "any of several");
        assert!(!genuine(&format!("t=1700000000,v1={TWO}")), "another's secret");
        assert!(!genuine(&format!("t=1700000000,v0={ONE}")), "another scheme");
        assert!(!is_genuine(&format!("t=1700000000,v1={ONE}"), b"{\"id\":\"evt_1\"}", &secrets(&["whsec_one"]), NOW));
    }

    #[test]
    fn an_old_secret_is_honoured_while_it_is_rolled() {
        let both = secrets(&["whsec_two", "whsec_one"]);
        for signature in [ONE, TWO] {
            assert!(is_genuine(&format!("t=1700000000,v1={signature}"), BODY, &both, NOW));
        }
        assert!(!is_genuine(&format!("t=1700000000,v1={ONE}"), BODY, &[], NOW), "without a secret nobody is genuine");
    }

    #[test]
    fn the_time_is_part_of_it_both_ways() {
        let header = format!("t=1700000000,v1={ONE}");
        for (now, expected) in [(NOW + 300, true), (NOW - 300, true), (NOW + 301, false), (NOW - 301, false)] {
            assert_eq!(is_genuine(&header, BODY, &secrets(&["whsec_one"]), now), expected, "{now}");
        }
        assert!(!genuine(&format!("t=1700000001,v1={ONE}")), "the time is signed");
        assert!(!genuine(&format!("t=+1700000000,v1={ONE}")), "as it is written");
    }

    #[test]
    fn nonsense_is_no_signature() {
        let long = format!("t=1700000000{}", format!(",v1={TWO}").repeat(9)) + &format!(",v1={ONE}");
        let twice = format!("t=1700000000,t=1700000000,v1={ONE}");
        let times = format!("t={},v1={ONE}", "9".repeat(40));
        for header in ["", "t=1700000000", "v1=", ",", "t=,v1=", "t=1700000000,v1=zz", "=", "t", &long, &twice, &times]
        {
            assert!(!genuine(header), "{header}");
        }
    }
}
