//! Profiles, and the administration of users by staff.

use super::Accounts;
use crate::accounts::input::{ProfileInput, SuperuserInput, USERNAME_TAKEN, UserFlagsInput};
use crate::accounts::operations::{registration, users as decide};
use crate::accounts::view::Profile;
use crate::actor::{Actor, Identity};
use crate::batch::{Batch, Change, Decision};
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::id::UserId;
use crate::model::accounts::{User, UserFilter, UserSort};
use crate::page::{Page, PageRequest};
use crate::text;

impl Accounts<'_> {
    /// Returns the caller's own profile.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for an anonymous caller.
    pub async fn profile(&self, actor: &Actor) -> Result<Profile> {
        let person = actor.require_user()?;
        let user = self.shop.store().user(person.user_id).await?.ok_or(Error::NotAuthenticated)?;
        Ok(user.into())
    }

    /// Changes the caller's own profile.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field, including a taken user name.
    pub async fn update_profile(&self, actor: &Actor, input: ProfileInput) -> Result<Profile> {
        let person = actor.require_user()?;
        let store = self.shop.store();
        let mut checks = Checks::new();
        let change = input.check(&mut checks);
        let wanted = change.username.given().map(|username| username.key.clone());
        let taken = || async {
            let Some(key) = &wanted else { return Ok(false) };
            let owner = store.user_by_username(key).await?;
            Ok::<_, Error>(owner.is_some_and(|owner| owner.id != person.user_id))
        };
        if taken().await? {
            checks.refuse::<()>("username", USERNAME_TAKEN);
        }
        checks.finish()?;
        let (change, taken) = (&change, &taken);
        let user = self
            .shop
            .execute(actor, |mut context| async move {
                let user = store.user(person.user_id).await?.ok_or(Error::NotAuthenticated)?;
                if taken().await? {
                    return Err(Error::invalid("username", USERNAME_TAKEN));
                }
                Ok(decide::update_profile(&user, change.clone(), &mut context))
            })
            .await?;
        Ok(user.into())
    }

    /// Lists users. For staff only. `filter.search` is the text as typed.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn list(&self, actor: &Actor, filter: UserFilter, page: &PageRequest<UserSort>) -> Result<Page<Profile>> {
        actor.require_staff()?;
        let search = filter.search.map(|search| text::fold(&search)).filter(|search| !search.is_empty());
        let users = self.shop.store().list_users(&UserFilter { search, ..filter }, page).await?;
        Ok(users.map(Profile::from))
    }

    /// Returns one user. For staff only.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn get(&self, actor: &Actor, id: UserId) -> Result<Profile> {
        actor.require_staff()?;
        Ok(self.shop.store().user(id).await?.ok_or(Error::NotFound)?.into())
    }

    /// Changes a user's status and rights. For staff; only superusers may change who is staff.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for a customer, and for staff who try to change who is staff or whether a superuser
    /// is active; [`Error::InvalidTransition`] for callers who would remove their own access, and for a superuser who
    /// would no longer be staff; [`Error::NotFound`]; [`Error::Invalid`].
    pub async fn update_user_flags(&self, actor: &Actor, id: UserId, input: UserFlagsInput) -> Result<Profile> {
        actor.require_staff()?;
        let change = input.check()?;
        let user = self
            .shop
            .execute(actor, |mut context| async move {
                let user = self.shop.store().user(id).await?.ok_or(Error::NotFound)?;
                decide::update_user_flags(actor, &user, change, &mut context)
            })
            .await?;
        Ok(user.into())
    }

    /// Creates an active superuser with a verified address. Only the system itself may.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] for any other caller, [`Error::Invalid`], [`Error::AlreadyExists`] when the address
    /// has an account.
    pub async fn create_superuser(&self, actor: &Actor, input: SuperuserInput) -> Result<Profile> {
        if actor.identity() != Identity::System {
            return Err(Error::PermissionDenied);
        }
        let (email, password) = input.check()?;
        let store = self.shop.store();
        let exists = || Error::AlreadyExists { field: "email" };
        if store.user_by_email(&email.key).await?.is_some() {
            return Err(exists());
        }
        let password_hash = self.shop.hasher().hash(password).await?;
        let user = self
            .shop
            .execute(actor, |mut context| {
                let (email, password_hash) = (email.clone(), password_hash.clone());
                async move {
                    if store.user_by_email(&email.key).await?.is_some() {
                        return Err(exists());
                    }
                    let user = registration::new_user(email, None, password_hash, &mut context);
                    let user = User { email_verified: true, is_staff: true, is_superuser: true, ..user };
                    let mut batch = Batch::new(&mut context);
                    batch.write(Change::Insert(user.clone()));
                    Ok(Decision { batch, reply: user })
                }
            })
            .await?;
        Ok(user.into())
    }
}
