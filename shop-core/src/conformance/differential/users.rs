//! Calls about accounts and the address book.

use serde_json::json;

use super::call::{Run, call, input};
use super::known::{Known, News};
use crate::accounts::{
    EmailInput, ProfileInput, RegisterInput, SignIn, SignInInput, SuperuserInput, UserFlagsInput, VerifyOtpInput,
};
use crate::actor::{Actor, SignedIn};
use crate::model::shipping::SavedAddress;
use crate::secret::Secret;
use crate::shipping::SavedAddressInput;

const PASSWORD: &str = "correct horse battery staple";

fn password() -> Secret {
    PASSWORD.to_owned().into()
}

fn address(known: &mut Known) -> String {
    let number = known.below(12);
    if known.once_in(4) { format!("Person{number}@Example.com") } else { format!("person{number}@example.com") }
}

fn signed_in(sign_in: &SignIn) -> Vec<News> {
    let SignIn { tokens, user } = sign_in;
    let person = SignedIn {
        user_id: user.id,
        session_id: Some(tokens.session_id),
        is_staff: user.is_staff,
        is_superuser: user.is_superuser,
    };
    vec![News::Person(person), News::User(user.id), News::Refresh(tokens.refresh.expose().to_owned())]
}

fn saved(address: &SavedAddress) -> Vec<News> {
    vec![News::Address(address.id)]
}

fn refreshing(known: &mut Known) -> (String, Run) {
    let token = known.known(|news| if let News::Refresh(token) = news { Some(token.clone()) } else { None });
    let token = Secret::from(token.unwrap_or_default());
    if known.once_in(8) {
        call!("logout", [token], |shop| shop.accounts().logout(&token))
    } else {
        call!("refresh", [token], |shop| shop.accounts().refresh(&token), |tokens| {
            vec![News::Refresh(tokens.refresh.expose().to_owned())]
        })
    }
}

fn new_address(known: &mut Known, actor: Actor) -> (String, Run) {
    let mut place = known.place();
    if let Some(fields) = place.as_object_mut() {
        fields.insert("is_default".to_owned(), json!(known.once_in(2)));
    }
    call!(
        "create_address",
        [actor, place],
        |shop| shop.shipping().create_address(&actor, input::<SavedAddressInput>(place)),
        saved
    )
}

fn changed_address(known: &mut Known, actor: Actor, word: &'static str) -> (String, Run) {
    let (id, default) = (known.address(), known.once_in(2));
    if known.once_in(4) {
        call!("delete_address", [actor, id], |shop| shop.shipping().delete_address(&actor, id))
    } else {
        let place = json!({"is_default": default, "city": word});
        call!("change_address", [actor, id, place], |shop| shop.shipping().change_address(
            &actor,
            id,
            input::<SavedAddressInput>(place)
        ))
    }
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let (email, actor, word) = (address(known), known.buyer(), known.word());
    match known.below(15) {
        0 | 1 => {
            let username = if known.once_in(3) { word } else { "" };
            call!("register", [email, username], |shop| shop.accounts().register(RegisterInput {
                email: email.as_str().into(),
                password: password().into(),
                username: username.into(),
                first_name: word.into(),
                ..RegisterInput::default()
            }))
        }
        2..=4 => {
            let code = known.known(|news| match news {
                News::Code(to, code) => Some((to.clone(), code.clone())),
                _ => None,
            });
            let (email, code) = code.unwrap_or((email, "000000".to_owned()));
            call!("verify_otp", [email, code], |shop| shop
                .accounts()
                .verify_otp(VerifyOtpInput { email: email.as_str().into(), otp: Secret::from(code).into() }))
        }
        5..=7 => {
            let secret = if known.once_in(8) { Secret::from("wrong".to_owned()) } else { password() };
            call!(
                "login",
                [actor, email, secret],
                |shop| shop.accounts().login(
                    &actor,
                    SignInInput { email: email.as_str().into(), password: secret.into(), ..SignInInput::default() }
                ),
                signed_in
            )
        }
        8 => refreshing(known),
        9 => {
            call!("resend_otp", [email], |shop| shop.accounts().resend_otp(EmailInput { email: email.as_str().into() }))
        }
        10 => {
            let system = Actor::system();
            call!(
                "create_superuser",
                [system, email],
                |shop| shop.accounts().create_superuser(
                    &system,
                    SuperuserInput { email: email.as_str().into(), password: password().into() }
                ),
                |profile| vec![News::User(profile.id)]
            )
        }
        11 => {
            let (staff, id) = (known.staff(), known.user());
            let (active, is_staff) = (!known.once_in(9), known.once_in(2));
            call!("update_user_flags", [staff, id, active, is_staff], |shop| shop.accounts().update_user_flags(
                &staff,
                id,
                UserFlagsInput { is_active: active.into(), is_staff: is_staff.into() }
            ))
        }
        12 => call!("update_profile", [actor, word], |shop| shop
            .accounts()
            .update_profile(&actor, ProfileInput { last_name: word.into(), ..ProfileInput::default() })),
        13 => new_address(known, actor),
        _ => changed_address(known, actor, word),
    }
}
