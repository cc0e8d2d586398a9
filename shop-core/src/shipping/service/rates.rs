//! The calls about shipping zones and methods: changed by staff; methods are public.

use super::Shipping;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::field::{Checks, Field};
use crate::id::{MethodId, ZoneId};
use crate::model::shipping::{Method, ShippingSort, Zone};
use crate::money::Currency;
use crate::page::{Page, PageRequest, paging};
use crate::shipping::input::CheckedMethod;
use crate::shipping::operations::{
    create_method, create_zone, delete_method, delete_zone, update_method, update_zone, zones_of,
};
use crate::shipping::{MethodInput, ZoneInput};
use crate::validate;

impl Shipping<'_> {
    /// Lists the zones, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn zones(&self, actor: &Actor, page: &PageRequest<ShippingSort>) -> Result<Page<Zone>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_zones(page).await?)
    }

    /// Returns one zone, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn zone(&self, actor: &Actor, id: ZoneId) -> Result<Zone> {
        actor.require_staff()?;
        self.shop.store().zone(id).await?.ok_or(Error::NotFound)
    }

    /// Adds a zone.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`].
    pub async fn create_zone(&self, actor: &Actor, input: ZoneInput) -> Result<Zone> {
        actor.require_staff()?;
        let (name, countries) = &input.check(None)?;
        self.shop
            .execute(actor, |mut context| async move { Ok(create_zone(name.clone(), countries.clone(), &mut context)) })
            .await
    }

    /// Replaces all fields of a zone.
    ///
    /// # Errors
    /// As [`Shipping::create_zone`], and [`Error::NotFound`].
    pub async fn replace_zone(&self, actor: &Actor, id: ZoneId, input: ZoneInput) -> Result<Zone> {
        self.write_zone(actor, id, |_| input.clone().check(None)).await
    }

    /// Changes the fields of a zone that the input contains.
    ///
    /// # Errors
    /// As [`Shipping::create_zone`], and [`Error::NotFound`].
    pub async fn change_zone(&self, actor: &Actor, id: ZoneId, input: ZoneInput) -> Result<Zone> {
        self.write_zone(actor, id, |before| input.clone().check(Some(before))).await
    }

    /// Deletes a zone.
    ///
    /// # Errors
    /// [`Error::InUse`] while methods use the zone; as [`Shipping::zone`].
    pub async fn delete_zone(&self, actor: &Actor, id: ZoneId) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.zone(actor, id).await?;
                let (_, methods) = self.shop.store().shipping_rates().await?;
                if methods.iter().any(|method| method.zone_id == id) {
                    return Err(Error::InUse { detail: "Shipping methods use this zone.".to_owned() });
                }
                Ok(delete_zone(&before, &mut context))
            })
            .await
    }

    /// Lists the methods, limited to those that serve `country` (ISO 3166-1 alpha-2) if given. Inactive ones are only
    /// shown to staff.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `country`.
    pub async fn methods(
        &self,
        actor: &Actor,
        country: Option<&str>,
        page: &PageRequest<ShippingSort>,
    ) -> Result<Page<Method>> {
        let active = if actor.is_staff() { None } else { Some(true) };
        let Some(country) = country else {
            return Ok(self.shop.store().list_methods(active, page).await?);
        };
        let mut checks = Checks::new();
        let Some(country) = checks.required("country", Field::from(country), validate::country) else {
            return Err(checks.into_error());
        };
        // Which zones serve a country depends on all zones, and a shop has few of them: the core filters and pages.
        let (zones, methods) = self.shop.store().shipping_rates().await?;
        let serving = zones_of(&zones, &country);
        let wanted = methods.into_iter().filter(|method| {
            serving.iter().any(|zone| zone.id == method.zone_id) && active.is_none_or(|active| method.active == active)
        });
        Ok(paging::page(wanted, page))
    }

    /// Returns one method; an inactive one only to staff.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn method(&self, actor: &Actor, id: MethodId) -> Result<Method> {
        let (method, _) = self.shop.store().method(id).await?.ok_or(Error::NotFound)?;
        if method.active || actor.is_staff() { Ok(method) } else { Err(Error::NotFound) }
    }

    /// Adds a method, priced in the shop's currency.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`].
    pub async fn create_method(&self, actor: &Actor, input: MethodInput) -> Result<Method> {
        actor.require_staff()?;
        let input = &input.check(None, self.currency())?;
        self.shop
            .execute(actor, |mut context| async move {
                self.zone_exists(input.zone_id).await?;
                Ok(create_method(input.clone(), &mut context))
            })
            .await
    }

    /// Replaces all fields of a method.
    ///
    /// # Errors
    /// As [`Shipping::create_method`], and [`Error::NotFound`].
    pub async fn replace_method(&self, actor: &Actor, id: MethodId, input: MethodInput) -> Result<Method> {
        self.write_method(actor, id, |_| input.clone().check(None, self.currency())).await
    }

    /// Changes the fields of a method that the input contains.
    ///
    /// # Errors
    /// As [`Shipping::create_method`], and [`Error::NotFound`].
    pub async fn change_method(&self, actor: &Actor, id: MethodId, input: MethodInput) -> Result<Method> {
        self.write_method(actor, id, |before| input.clone().check(Some(before), before.currency)).await
    }

    /// Deletes a method. Orders that were placed with it keep its name and price.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn delete_method(&self, actor: &Actor, id: MethodId) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(
                actor,
                |mut context| async move { Ok(delete_method(&self.method(actor, id).await?, &mut context)) },
            )
            .await
    }

    async fn write_zone(
        &self,
        actor: &Actor,
        id: ZoneId,
        check: impl Fn(&Zone) -> Result<(String, Vec<String>)>,
    ) -> Result<Zone> {
        actor.require_staff()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.zone(actor, id).await?;
                let (name, countries) = check(&before)?;
                Ok(update_zone(&before, name, countries, &mut context))
            })
            .await
    }

    async fn write_method(
        &self,
        actor: &Actor,
        id: MethodId,
        check: impl Fn(&Method) -> Result<CheckedMethod>,
    ) -> Result<Method> {
        actor.require_staff()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.method(actor, id).await?;
                let input = check(&before)?;
                self.zone_exists(input.zone_id).await?;
                Ok(update_method(&before, input, &mut context))
            })
            .await
    }

    /// The store checks this again when it writes the method.
    async fn zone_exists(&self, id: ZoneId) -> Result<()> {
        match self.shop.store().zone(id).await? {
            Some(_) => Ok(()),
            None => Err(Error::invalid("zone_id", "There is no such zone.")),
        }
    }

    fn currency(self) -> Currency {
        self.shop.settings().currency
    }
}
