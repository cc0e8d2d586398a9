//! The sample shop of `shop-server demo`: small, but complete enough for a first look. It is created through the core's
//! own calls, so it obeys every rule.

mod data;
pub(crate) mod pictures;

use std::collections::HashMap;

use serde_json::{Value, json};
use shop_core::accounts::SuperuserInput;
use shop_core::catalog::{CategoryInput, ImageInput, ProductInput, ProductQuery, ProductSort, VariantInput};
use shop_core::clock::Random;
use shop_core::details::ShopDetailsInput;
use shop_core::error::Result;
use shop_core::field::Field;
use shop_core::id::{CategoryId, LocationId};
use shop_core::inventory::{AdjustmentInput, LocationInput, StockInput};
use shop_core::page::PageRequest;
use shop_core::secret::Secret;
use shop_core::shipping::{MethodInput, RateInput, TierInput, ZoneInput};
use shop_core::{Actor, Shop};

use data::{Item, Sample, SampleMethod, price};
use pictures::View;

/// The e-mail address of the sample shop's staff account.
pub const STAFF: &str = "staff@example.com";

/// Fills an empty shop. Returns the password of [`STAFF`], generated from `random`. `None` if there are products
/// already; then nothing is done.
///
/// # Errors
/// The core's errors; a shop that was filled in part stays so.
pub async fn fill(shop: &Shop, random: &dyn Random) -> Result<Option<Secret>> {
    let system = &Actor::system();
    if !is_empty(shop).await? {
        return Ok(None);
    }
    let sample = Sample::read()?;
    let categories = categories(shop, &sample).await?;
    let store = store(shop).await?;
    for item in &sample.products {
        product(shop, item, categories.get(item.category.as_str()).copied(), store).await?;
    }
    shipping(shop, &sample).await?;
    prices(shop, sample).await?;
    details(shop).await?;
    // Last, so that a user who can sign in finds the shop complete.
    let password = password(random);
    let input = SuperuserInput { email: STAFF.into(), password: password.clone().into() };
    shop.accounts().create_superuser(system, input).await?;
    Ok(Some(password))
}

/// Whether the shop has no products yet, so that [`fill`] would fill it.
///
/// # Errors
/// The storage's errors.
pub async fn is_empty(shop: &Shop) -> Result<bool> {
    let page = PageRequest::<ProductSort> { size: 1, ..PageRequest::default() };
    let products = shop.catalog().list_products(&Actor::system(), ProductQuery::default(), &page).await?;
    Ok(products.total == Some(0))
}

/// Generates twenty letters and digits in groups, 100 bits: meant to be typed once from a terminal.
fn password(random: &dyn Random) -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let drawn = random.seed();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('x', char::from);
    let groups: Vec<String> = drawn.chunks(5).take(4).map(|group| group.iter().map(letter).collect()).collect();
    Secret::new(groups.join("-"))
}

async fn categories<'a>(shop: &Shop, sample: &'a Sample) -> Result<HashMap<&'a str, CategoryId>> {
    let mut ids = HashMap::new();
    for (position, branch) in (0..).zip(&sample.categories) {
        let input = CategoryInput {
            name: branch.name.as_str().into(),
            description: branch.description.as_str().into(),
            position: Field::Given(position),
            ..CategoryInput::default()
        };
        let top = shop.catalog().create_category(&Actor::system(), input).await?.id;
        ids.insert(branch.name.as_str(), top);
        for (position, name) in (0..).zip(&branch.children) {
            let input = CategoryInput {
                name: name.as_str().into(),
                parent_id: top.into(),
                position: Field::Given(position),
                ..CategoryInput::default()
            };
            ids.insert(name, shop.catalog().create_category(&Actor::system(), input).await?.id);
        }
    }
    Ok(ids)
}

/// Creates a second location, used after the main one.
async fn store(shop: &Shop) -> Result<LocationId> {
    let input = LocationInput {
        name: "Downtown store".into(),
        country: "US".into(),
        priority: 10.into(),
        ..LocationInput::default()
    };
    Ok(shop.inventory().create_location(&Actor::system(), input).await?.id)
}

async fn product(shop: &Shop, item: &Item, category: Option<CategoryId>, store: LocationId) -> Result<()> {
    let (system, currency) = (&Actor::system(), shop.settings().currency);
    let compare_at = item.compare_at.map_or(Field::Missing, |higher| Field::Given(price(higher, currency)));
    let variants = item.combinations().into_iter().enumerate().map(|(index, values)| VariantInput {
        sku: Field::Given(item.sku(&values)),
        price: Field::Given(price(item.prices.get(index).copied().unwrap_or(item.price), currency)),
        compare_at_price: compare_at.clone(),
        options: Field::Given(values),
        weight_grams: item.weight.into(),
        stock: item.stock.into(),
        ..VariantInput::default()
    });
    let slug = item.slug();
    let image = |view: View| ImageInput {
        url: Field::Given(pictures::path(&slug, view)),
        alt: Field::Given(format!("{}, {}", item.name, view.name())),
    };
    let input = ProductInput {
        name: item.name.as_str().into(),
        description: item.description.as_str().into(),
        category_id: category.map_or(Field::Null, Field::Given),
        options: Field::Given(item.options.keys().cloned().collect()),
        variants: Field::Given(variants.collect()),
        images: View::ALL.map(image).to_vec().into(),
        attributes: item.attributes.clone().into(),
        ..ProductInput::default()
    };
    let made = shop.catalog().create_product(system, input).await?;
    for (index, (variant, _)) in made.variants().enumerate() {
        if item.untracked || item.backorder {
            let settings = StockInput {
                tracked: Field::Given(!item.untracked),
                backorder: item.backorder.into(),
                ..StockInput::default()
            };
            shop.inventory().change_stock(system, variant.id, settings).await?;
        } else if index % 2 == 0 {
            // Every other variant also has stock in the store.
            let received = AdjustmentInput {
                variant_id: variant.id.into(),
                location_id: store.into(),
                delta: Field::Given(item.stock / 4 + 1),
                reason: "received".into(),
                note: "Opening stock".into(),
                ..AdjustmentInput::default()
            };
            shop.inventory().adjust(system, received, None).await?;
            let low = StockInput { low_stock_threshold: 5.into(), ..StockInput::default() };
            shop.inventory().change_stock(system, variant.id, low).await?;
        }
    }
    Ok(())
}

async fn shipping(shop: &Shop, sample: &Sample) -> Result<()> {
    let system = &Actor::system();
    for zone in &sample.zones {
        let input = ZoneInput { name: zone.name.as_str().into(), countries: zone.countries.clone().into() };
        let zone_id = shop.shipping().create_zone(system, input).await?.id;
        for method in &zone.methods {
            let input = MethodInput { zone_id: zone_id.into(), ..self::method(shop, method) };
            shop.shipping().create_method(system, input).await?;
        }
    }
    Ok(())
}

/// Sets the seller's details.
async fn details(shop: &Shop) -> Result<()> {
    let input = ShopDetailsInput {
        name: "Corner & Main".into(),
        legal_name: "Corner & Main Trading LLC".into(),
        address: "1 Main Street\nSpringfield, IL 62701\nUnited States".into(),
        vat_id: "12-3456789".into(),
        contact_email: "hello@example.com".into(),
        phone: "+1 217 555 0100".into(),
        terms_url: "https://example.com/terms".into(),
        privacy_url: "https://example.com/privacy".into(),
        returns_url: "https://example.com/returns".into(),
    };
    shop.details().change(&Actor::system(), input, None).await.map(drop)
}

/// Creates the promotions and tax rates.
async fn prices(shop: &Shop, sample: Sample) -> Result<()> {
    let system = &Actor::system();
    for promotion in sample.promotions {
        shop.catalog().create_promotion(system, promotion).await?;
    }
    for rate in sample.tax_rates {
        shop.catalog().create_tax_rate(system, rate).await?;
    }
    Ok(())
}

fn method(shop: &Shop, method: &SampleMethod) -> MethodInput {
    let amount = |hundredths: i64| price(hundredths, shop.settings().currency);
    let given = |hundredths: Option<i64>| hundredths.map_or(Field::Missing, |price| Field::Given(amount(price)));
    let tier = |&(up_to, price): &(i64, i64)| TierInput {
        up_to: Field::<Value>::Given(json!(up_to)),
        price: Field::Given(amount(price)),
    };
    let tiers: Vec<_> = method.tiers.iter().map(tier).collect();
    let rate = RateInput {
        kind: method.rate.as_str().into(),
        price: given(method.price),
        tiers: if tiers.is_empty() { Field::Missing } else { tiers.into() },
    };
    MethodInput {
        name: method.name.as_str().into(),
        carrier: method.carrier.as_str().into(),
        rate: rate.into(),
        free_over: given(method.free_over),
        min_days: method.days.0.into(),
        max_days: method.days.1.into(),
        ..MethodInput::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shop_core::accounts::UserFilter;
    use shop_core::clock::SystemRandom;
    use shop_core::memory::MemoryStore;
    use shop_core::money::Currency;
    use shop_core::shop::Settings;

    use super::*;

    async fn filled(currency: &str) -> (Shop, Secret) {
        let currency = currency.parse::<Currency>().unwrap();
        let settings = Settings { currency, ..Settings::default() };
        let builder = Shop::builder(Arc::new(MemoryStore::new()), &[1; 32]).settings(settings);
        let shop = builder.open().await.unwrap();
        let password = fill(&shop, &SystemRandom).await.unwrap().unwrap();
        (shop, password)
    }

    #[tokio::test]
    async fn the_sample_shop_is_whole() {
        let (shop, password) = filled("USD").await;
        let system = Actor::system();
        let page = PageRequest { size: 100, ..PageRequest::default() };
        let all = shop.catalog().list_products(&Actor::anonymous(), ProductQuery::default(), &page).await.unwrap();
        assert_eq!(all.total, Some(50));
        assert!(all.items.iter().all(|view| view.product.category_id.is_some() && view.variants().count() > 0));
        assert!(all.items.iter().all(|view| view.variants().any(|(_, availability)| availability.in_stock)));
        let search = ProductQuery { search: "merino".into(), ..ProductQuery::default() };
        assert!(!shop.catalog().list_products(&system, search, &page).await.unwrap().items.is_empty());
        assert_eq!(shop.inventory().list_locations(&system, &PageRequest::default()).await.unwrap().total, Some(2));
        assert_eq!(password.expose().len(), 23);
        let staff = shop.accounts().list(&system, UserFilter::default(), &PageRequest::default()).await.unwrap();
        assert_eq!(staff.total, Some(1));
        let details = shop.details().get().await.unwrap();
        assert!(details.name == "Corner & Main" && details.details.vat_id.is_some() && !details.countries.is_empty());
        assert!(fill(&shop, &SystemRandom).await.unwrap().is_none(), "it fills an empty shop only");
        assert_eq!(shop.check().await.unwrap().len(), 0, "the books are right");
    }

    #[tokio::test]
    async fn it_is_priced_in_any_currency() {
        for (currency, expected) in [("USD", "16.00"), ("JPY", "1600"), ("KWD", "16.000")] {
            let (shop, _) = filled(currency).await;
            let mug = shop.catalog().product(&Actor::anonymous(), "stoneware-mug").await.unwrap().product;
            assert_eq!(mug.currency.format_amount(mug.lowest_price()), expected);
        }
    }
}
