use chrono::{DateTime, TimeDelta};
use serde_json::json;

use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision, InventoryWrite};
use crate::catalog::{CategoryInput, ImageInput, ProductInput, ProductQuery, ProductView, VariantInput};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::model::catalog::{Product, ProductSort, ProductStatus, Variant};
use crate::model::inventory::{MovementFilter, StockFilter, StockLevel};
use crate::money::Amount;
use crate::page::PageRequest;
use crate::testing::{World, block_on, world};

fn tea(price: &str) -> ProductInput {
    ProductInput { name: "Green Tea".into(), price: price.into(), ..ProductInput::default() }
}

fn sized(size: &str, price: &str) -> VariantInput {
    let options = [("Size".to_owned(), size.to_owned())].into();
    VariantInput { options: Field::Given(options), price: price.into(), ..VariantInput::default() }
}

fn shirt(variants: Vec<VariantInput>) -> ProductInput {
    ProductInput {
        name: "Shirt".into(),
        options: vec!["Size".to_owned()].into(),
        variants: variants.into(),
        ..ProductInput::default()
    }
}

fn create(world: &World, input: ProductInput) -> Result<ProductView> {
    block_on(world.shop.catalog().create_product(&Actor::system(), input))
}

fn update(world: &World, view: &ProductView, input: ProductInput) -> Result<ProductView> {
    block_on(world.shop.catalog().update_product(&Actor::system(), view.product.id, input, None))
}

fn replace(world: &World, view: &ProductView, input: ProductInput) -> Result<ProductView> {
    block_on(world.shop.catalog().replace_product(&Actor::system(), view.product.id, input, None))
}

fn find(world: &World, actor: &Actor, query: ProductQuery) -> Vec<String> {
    let ordering = query.ordering(None);
    let page = PageRequest::<ProductSort>::parse(None, None, None, ordering).unwrap();
    let page = block_on(world.shop.catalog().list_products(actor, query, &page)).unwrap();
    page.items.into_iter().map(|view| view.product.name).collect()
}

fn named<T: std::fmt::Debug>(refused: Result<T>) -> Vec<String> {
    match refused {
        Err(Error::Invalid(invalid)) => invalid.fields.into_keys().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_product_with_one_variant_is_made_from_a_name_and_a_price() {
    let world = world();
    let view = create(&world, ProductInput { stock: 7.into(), weight_grams: 100.into(), ..tea("4.5") }).unwrap();
    assert_eq!((view.product.slug.as_str(), view.product.status), ("green-tea", ProductStatus::Active));
    let (variant, availability) = view.variants().next().unwrap();
    assert_eq!((variant.price, variant.weight_grams, variant.tax_class.as_str()), (Amount(450), 100, "standard"));
    assert_eq!(availability.available, Some(7));
    assert!(variant.sku.starts_with("GREEN-TEA-"), "{}", variant.sku);
    assert_eq!(view.sku(), Some(variant.sku.as_str()));
    let movements = block_on(world.shop.inventory().list_movements(
        &Actor::system(),
        &MovementFilter::default(),
        &PageRequest::default(),
    ));
    assert_eq!(movements.unwrap().items[0].delta, 7);
    for name in ["green-tea", &view.product.id.to_string()] {
        assert_eq!(block_on(world.shop.catalog().product(&Actor::anonymous(), name)).unwrap(), view);
    }
    assert_eq!(create(&world, tea("1")).unwrap().product.slug, "green-tea-2");
}

#[test]
fn names_that_are_taken_are_refused() {
    let world = world();
    let view = create(&world, ProductInput { sku: "TEA".into(), ..tea("1") }).unwrap();
    let slug = create(&world, ProductInput { slug: "green-tea".into(), ..tea("1") });
    assert!(matches!(slug, Err(Error::AlreadyExists { field: "slug" })));
    let sku = create(&world, ProductInput { sku: "TEA".into(), ..tea("1") });
    assert!(matches!(sku, Err(Error::AlreadyExists { field: "sku" })));
    let other = create(&world, ProductInput { sku: "OTHER".into(), ..tea("1") }).unwrap();
    let sku = update(&world, &other, ProductInput { sku: "TEA".into(), ..ProductInput::default() });
    assert!(matches!(sku, Err(Error::AlreadyExists { field: "sku" })));
    block_on(world.shop.catalog().delete_product(&Actor::system(), view.product.id, None)).unwrap();
    let sku = create(&world, ProductInput { sku: "TEA".into(), ..tea("1") });
    assert!(matches!(sku, Err(Error::AlreadyExists { field: "sku" })), "the sku stays taken");
}

#[test]
fn everything_wrong_is_named_at_once() {
    let world = world();
    assert_eq!(named(create(&world, ProductInput::default())), ["name", "price"]);
    let input = ProductInput {
        name: "  ".into(),
        slug: "Not A Slug".into(),
        description: "x".repeat(20_001).into(),
        status: Field::Wrong("Must be one of: …".into()),
        images: vec![ImageInput { url: "ftp://x".into(), alt: Field::Missing }].into(),
        attributes: json!([]).into(),
        weight_grams: (-1).into(),
        stock: Field::Wrong("Must be a whole number.".into()),
        options: vec!["Size".to_owned(), "size".to_owned()].into(),
        variants: vec![
            VariantInput { sku: "A".into(), ..sized("M", "x") },
            VariantInput { sku: "A".into(), price: Field::Missing, ..sized("L", "1") },
        ]
        .into(),
        ..ProductInput::default()
    };
    let expected = [
        "attributes",
        "description",
        "images.0.url",
        "name",
        "options.1",
        "slug",
        "status",
        "stock",
        "variants.0.price",
        "variants.1.price",
        "variants.1.sku",
        "weight_grams",
    ];
    assert_eq!(named(create(&world, input)), expected);
    assert_eq!(named(create(&world, tea("1.999"))), ["price"]);
    let options = ProductInput { options: vec!["Size".to_owned()].into(), ..tea("1") };
    assert_eq!(named(create(&world, options)), ["variants"]);
    let unknown = crate::id::CategoryId(uuid::Uuid::nil());
    let category = ProductInput { category_id: unknown.into(), ..tea("1") };
    assert_eq!(named(create(&world, category)), ["category_id"]);
}

#[test]
fn each_combination_of_options_comes_once() {
    let world = world();
    let twice = shirt(vec![sized("M", "1"), sized("m", "2")]);
    assert_eq!(named(create(&world, twice)), ["variants.1.options"]);
    let mut missing = sized("M", "1");
    missing.options = Field::Missing;
    let mut surplus = sized("L", "1");
    surplus.options = Field::Given([("Size".into(), "L".into()), ("Color".into(), "red".into())].into());
    assert_eq!(named(create(&world, shirt(vec![missing, surplus]))), ["variants.0.options", "variants.1.options"]);
    assert_eq!(named(create(&world, shirt(vec![]))), ["variants"]);
}

#[test]
fn a_list_of_variants_is_matched_by_id_then_sku_and_the_rest_is_archived() {
    let world = world();
    let stocked = |size: &str, sku: &str| VariantInput { sku: sku.into(), stock: 3.into(), ..sized(size, "10") };
    let view = create(&world, shirt(vec![stocked("S", "S"), stocked("M", "M"), stocked("L", "L")])).unwrap();
    let ids: Vec<_> = view.product.variants.iter().map(|variant| variant.id).collect();
    let by_id = VariantInput { id: ids[2].into(), price: "12".into(), stock: 99.into(), ..VariantInput::default() };
    let by_sku = VariantInput { sku: "S".into(), compare_at_price: "20".into(), ..VariantInput::default() };
    let input = ProductInput {
        variants: vec![by_id, by_sku, VariantInput { sku: "XL".into(), stock: 5.into(), ..sized("XL", "14") }].into(),
        ..ProductInput::default()
    };
    let after = update(&world, &view, input).unwrap();
    let seen: Vec<_> =
        after.variants().map(|(v, a)| (v.sku.as_str(), v.price, v.compare_at_price, a.available)).collect();
    let expected = [
        ("L", Amount(1200), None, Some(3)),
        ("S", Amount(1000), Some(Amount(2000)), Some(3)),
        ("XL", Amount(1400), None, Some(0)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(after.product.version, 2);
    let archived: Vec<_> = after.product.variants.iter().filter(|v| v.archived).map(|v| v.id).collect();
    assert_eq!(archived, [ids[1]]);
    // Its SKU restores it.
    let back = VariantInput { sku: "M".into(), ..VariantInput::default() };
    let again = update(&world, &view, ProductInput { variants: vec![back].into(), ..ProductInput::default() }).unwrap();
    assert_eq!(again.variants().map(|(v, a)| (v.id, a.available)).collect::<Vec<_>>(), [(ids[1], Some(3))]);
    let foreign =
        VariantInput { id: create(&world, tea("1")).unwrap().product.variants[0].id.into(), ..sized("S", "1") };
    let refused = update(&world, &view, ProductInput { variants: vec![foreign].into(), ..ProductInput::default() });
    assert_eq!(named(refused), ["variants.0.id"]);
}

#[test]
fn skus_within_a_product_are_swapped_but_not_shared() {
    let world = world();
    let with = |size: &str, sku: &str| VariantInput { sku: sku.into(), ..sized(size, "10") };
    let view = create(&world, shirt(vec![with("S", "A"), with("M", "B")])).unwrap();
    let ids: Vec<_> = view.product.variants.iter().map(|variant| variant.id).collect();
    let renamed =
        |index: usize, sku: &str| VariantInput { id: ids[index].into(), sku: sku.into(), ..Default::default() };
    let change = |variants: Vec<VariantInput>| {
        update(&world, &view, ProductInput { variants: variants.into(), ..ProductInput::default() })
    };
    let swapped = change(vec![renamed(0, "B"), renamed(1, "A")]).unwrap();
    assert_eq!(swapped.variants().map(|(variant, _)| variant.sku.as_str()).collect::<Vec<_>>(), ["B", "A"]);
    let shared = change(vec![renamed(0, "A")]);
    assert!(matches!(shared, Err(Error::AlreadyExists { field: "sku" })), "the archived one keeps its own");
}

#[test]
fn the_fields_of_the_product_speak_of_its_one_variant() {
    let world = world();
    let view = create(&world, ProductInput { sku: "TEA".into(), stock: 2.into(), ..tea("4.50") }).unwrap();
    let id = view.product.variants[0].id;
    let change = ProductInput { price: "5".into(), sku: "TEA-2".into(), ..ProductInput::default() };
    let after = update(&world, &view, change).unwrap();
    let (variant, availability) = after.variants().next().unwrap();
    assert_eq!((variant.id, variant.price, variant.sku.as_str()), (id, Amount(500), "TEA-2"));
    assert_eq!(availability.available, Some(2));
    let filter = StockFilter { sku: Some("TEA-2".into()), ..StockFilter::default() };
    let levels = block_on(world.shop.inventory().list_stock(&Actor::system(), &filter, &PageRequest::default()));
    assert_eq!(levels.unwrap().items.len(), 1, "the level follows the new sku");
    let both = ProductInput {
        price: "6".into(),
        variants: vec![VariantInput { id: id.into(), price: "5".into(), ..VariantInput::default() }].into(),
        ..ProductInput::default()
    };
    assert_eq!(named(update(&world, &view, both)), ["price"]);
    // What responses show for several variants may be sent back, and changes nothing.
    let several = create(&world, shirt(vec![sized("M", "10"), sized("L", "12")])).unwrap();
    let echo = ProductInput { price: "10.00".into(), sku: Field::Null, ..ProductInput::default() };
    assert_eq!(update(&world, &several, echo).unwrap().product.version, 1);
    let refused = update(&world, &several, ProductInput { price: "9".into(), ..ProductInput::default() });
    assert_eq!(named(refused), ["variants"]);
}

#[test]
fn a_whole_replaces_and_a_part_keeps() {
    let world = world();
    let whole = ProductInput {
        description: "Fresh".into(),
        barcode: "123".into(),
        weight_grams: 50.into(),
        attributes: json!({"origin": "Japan"}).into(),
        ..tea("4.50")
    };
    let view = create(&world, whole).unwrap();
    let part = update(&world, &view, ProductInput { name: "Sencha".into(), ..ProductInput::default() }).unwrap();
    assert_eq!((part.product.name.as_str(), part.product.description.as_str()), ("Sencha", "Fresh"));
    assert_eq!(part.product.variants[0].weight_grams, 50);
    let same = update(&world, &view, ProductInput { name: "Sencha".into(), ..ProductInput::default() }).unwrap();
    assert_eq!(same.product.version, 2, "what changes nothing is not written");
    assert_eq!(named(replace(&world, &view, ProductInput::default())), ["name", "price"]);
    let after = replace(&world, &view, tea("9")).unwrap();
    assert_eq!((after.product.slug.as_str(), after.product.description.as_str()), ("green-tea", ""));
    let variant = &after.product.variants[0];
    assert_eq!((variant.weight_grams, variant.barcode.as_deref()), (0, None));
    assert_eq!((variant.id, &variant.sku), (view.product.variants[0].id, &view.product.variants[0].sku));
    assert!(after.product.attributes.is_empty());
    update(&world, &view, ProductInput { description: "Old".into(), ..ProductInput::default() }).unwrap();
    let null = ProductInput { description: Field::Null, attributes: Field::Null, ..ProductInput::default() };
    assert_eq!(named(update(&world, &view, null)), ["attributes", "description"], "null is no text and no object");
    let cleared = update(&world, &view, ProductInput { description: "".into(), ..ProductInput::default() }).unwrap();
    assert_eq!(cleared.product.description, "");
}

#[test]
fn the_public_sees_what_is_active() {
    let world = world();
    let customer = world.customer("ada");
    let draft = create(&world, ProductInput { status: ProductStatus::Draft.into(), ..tea("1") }).unwrap();
    let get = |actor: &Actor| block_on(world.shop.catalog().product(actor, "green-tea"));
    assert!(matches!(get(&customer), Err(Error::NotFound)));
    assert!(matches!(get(&Actor::anonymous()), Err(Error::NotFound)));
    assert!(get(&world.staff("bob")).is_ok());
    let drafts = ProductQuery { status: ProductStatus::Draft.into(), ..ProductQuery::default() };
    assert!(find(&world, &customer, drafts.clone()).is_empty());
    assert_eq!(find(&world, &world.staff("eve"), drafts).len(), 1);
    update(&world, &draft, ProductInput { status: ProductStatus::Active.into(), ..ProductInput::default() }).unwrap();
    assert!(get(&customer).is_ok());
    for _ in 0..2 {
        block_on(world.shop.catalog().delete_product(&Actor::system(), draft.product.id, None)).unwrap();
    }
    assert!(matches!(get(&customer), Err(Error::NotFound)));
    assert_eq!(get(&world.staff("kim")).unwrap().product.version, 3);
}

#[test]
fn lists_are_searched_and_filtered() {
    let world = world();
    let category = |name: &str, parent: Option<crate::id::CategoryId>| {
        let parent_id = parent.map_or(Field::Missing, Field::Given);
        let input = CategoryInput { name: name.into(), parent_id, ..CategoryInput::default() };
        block_on(world.shop.catalog().create_category(&Actor::system(), input)).unwrap()
    };
    let drinks = category("Drinks", None);
    let teas = category("Teas", Some(drinks.id));
    create(&world, ProductInput { category_id: teas.id.into(), stock: 1.into(), ..tea("3") }).unwrap();
    let mug = ProductInput { name: "Mug".into(), description: "for green tea".into(), ..tea("9") };
    create(&world, mug).unwrap();
    let all = |query: ProductQuery| find(&world, &Actor::anonymous(), query);
    let search = |text: &str| all(ProductQuery { search: text.into(), ..ProductQuery::default() });
    assert_eq!(search("gre TE"), ["Green Tea", "Mug"]);
    assert_eq!(search("mug"), ["Mug"]);
    assert!(search("green coffee").is_empty() && search("!!!").is_empty());
    assert_eq!(search(" ").len(), 2);
    for name in ["drinks", "teas", &drinks.id.to_string()] {
        assert_eq!(all(ProductQuery { category: name.into(), ..ProductQuery::default() }), ["Green Tea"]);
    }
    assert!(all(ProductQuery { category: "cars".into(), ..ProductQuery::default() }).is_empty());
    assert_eq!(all(ProductQuery { min_price: "3.01".into(), ..ProductQuery::default() }), ["Mug"]);
    assert_eq!(all(ProductQuery { max_price: "3".into(), ..ProductQuery::default() }), ["Green Tea"]);
    assert_eq!(all(ProductQuery { in_stock: true.into(), ..ProductQuery::default() }), ["Green Tea"]);
    assert_eq!(all(ProductQuery { in_stock: false.into(), ..ProductQuery::default() }), ["Mug"]);
    let wrong = ProductQuery { min_price: "a".into(), in_stock: Field::Wrong("?".into()), ..ProductQuery::default() };
    let refused = block_on(world.shop.catalog().list_products(&Actor::anonymous(), wrong, &PageRequest::default()));
    assert_eq!(named(refused), ["in_stock", "min_price"]);
    block_on(world.shop.catalog().delete_category(&Actor::system(), teas.id, None)).unwrap();
    assert!(all(ProductQuery { category: "drinks".into(), ..ProductQuery::default() }).is_empty());
}

#[test]
fn staff_write_and_others_do_not() {
    let world = world();
    let view = create(&world, tea("1")).unwrap();
    let catalog = world.shop.catalog();
    for (actor, known) in [(world.customer("ada"), true), (Actor::anonymous(), false)] {
        let refused = [
            block_on(catalog.create_product(&actor, ProductInput::default())).map(drop),
            block_on(catalog.update_product(&actor, view.product.id, ProductInput::default(), None)).map(drop),
            block_on(catalog.delete_product(&actor, view.product.id, None)),
            block_on(catalog.create_category(&actor, CategoryInput::default())).map(drop),
        ];
        for result in refused {
            match result {
                Err(Error::PermissionDenied) => assert!(known),
                Err(Error::NotAuthenticated) => assert!(!known),
                other => panic!("{other:?}"),
            }
        }
    }
    let stale = block_on(catalog.update_product(&Actor::system(), view.product.id, tea("2"), Some(9)));
    assert!(matches!(stale, Err(Error::VersionMismatch)));
}

#[test]
fn the_history_of_a_price_begins_with_what_an_earlier_release_stored() {
    let world = world();
    let shop = &world.shop;
    let made = create(&world, ProductInput { sku: "TEA".into(), ..tea("10") }).unwrap().product;
    let made_variant = made.variants[0].id;
    let older = Product {
        id: shop.context().id(),
        slug: "older".to_owned(),
        variants: vec![Variant { id: shop.context().id(), sku: "OLDER".to_owned(), ..made.variants[0].clone() }],
        ..made
    };
    let ids = (older.id, older.variants[0].id);
    let older = &older;
    block_on(shop.execute(&Actor::system(), |mut context| async move {
        let mut batch = Batch::new(&mut context);
        batch.write(Change::Insert(older.clone()));
        let [level] = shop.store().stock_of(&[made_variant]).await?.try_into().unwrap();
        let level = StockLevel { product_id: ids.0, variant_id: ids.1, sku: "OLDER".to_owned(), ..level };
        batch.write(InventoryWrite::InsertLevel(level));
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
    assert_eq!(block_on(shop.check()).unwrap(), Vec::<String>::new());
    world.clock.advance(TimeDelta::days(1));
    let reduced = ProductInput { price: "8".into(), compare_at_price: "10".into(), ..ProductInput::default() };
    let view = block_on(shop.catalog().update_product(&Actor::system(), ids.0, reduced, None)).unwrap();
    assert_eq!(view.product.variants[0].lowest_price_30_days, Some(Amount(1000)));
    assert_eq!(block_on(shop.store().price_history(&[ids.1], Some(DateTime::UNIX_EPOCH))).unwrap().len(), 2);
    assert_eq!(block_on(shop.check()).unwrap(), Vec::<String>::new());
}
