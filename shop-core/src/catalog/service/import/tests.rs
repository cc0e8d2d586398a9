use crate::actor::Actor;
use crate::catalog::{CategoryInput, ProductInput, ProductQuery, ProductRows, product_rows};
use crate::cells::{CellError, Cells, Imported};
use crate::error::{Error, Result};
use crate::model::catalog::{Product, ProductSort};
use crate::page::PageRequest;
use crate::testing::{World, block_on, world};

fn import(world: &World, rows: &[Cells]) -> Result<Imported> {
    block_on(world.shop.catalog().import_product(&Actor::system(), rows, &|_| false))
}

fn row(cells: &[(&str, &str)]) -> Cells {
    Cells::new(cells.iter().copied())
}

fn products(world: &World) -> Vec<Product> {
    let page = PageRequest::<ProductSort> { size: 100, ..PageRequest::default() };
    let page = block_on(world.shop.catalog().list_products(&Actor::system(), ProductQuery::default(), &page)).unwrap();
    page.items.into_iter().map(|view| view.product).collect()
}

fn product(world: &World, slug: &str) -> Product {
    block_on(world.shop.catalog().product(&Actor::system(), slug)).unwrap().product
}

/// The refused cells as (row, column).
#[track_caller]
fn refused(done: Result<Imported>) -> Vec<(usize, String)> {
    match done {
        Ok(Imported::Refused(cells)) => cells.into_iter().map(|CellError { row, column, .. }| (row, column)).collect(),
        other => panic!("{other:?}"),
    }
}

fn shirt(size: &str, sku: &str, price: &str) -> Cells {
    let all = [("name", "Shirt"), ("option1_name", "Size"), ("option1_value", size), ("sku", sku), ("price", price)];
    Cells::new(all.into_iter().chain([("stock", "3")]))
}

#[test]
fn a_product_is_made_of_its_rows_and_the_same_rows_change_nothing() {
    let world = world();
    let rows = [shirt("S", "S-1", "10"), shirt("M", "M-1", "12.50")];
    assert_eq!(import(&world, &rows).unwrap(), Imported::Created);
    assert_eq!(import(&world, &rows).unwrap(), Imported::Unchanged);
    let made = product(&world, "shirt");
    assert_eq!(made.options, ["Size"]);
    let prices: Vec<_> = made.variants.iter().map(|variant| (variant.sku.as_str(), variant.price.0)).collect();
    assert_eq!(prices, [("S-1", 1000), ("M-1", 1250)]);
    let levels = block_on(world.shop.store().stock_of(&[made.variants[0].id])).unwrap();
    assert_eq!(levels[0].on_hand, 3, "of a new product the stock is booked");
}

#[test]
fn rows_change_what_they_speak_of_and_nothing_else() {
    let world = world();
    import(&world, &[shirt("S", "S-1", "10"), shirt("M", "M-1", "12.50")]).unwrap();
    let before = product(&world, "shirt");
    // A row of a single variant, in a table with only these columns.
    assert_eq!(
        import(&world, &[row(&[("sku", "M-1"), ("price", "13"), ("barcode", "123")])]).unwrap(),
        Imported::Changed
    );
    // A new variant, an existing one, and a new name.
    let more = [shirt("L", "L-1", "15"), shirt("S", "S-1", "10")];
    assert_eq!(import(&world, &more).unwrap(), Imported::Changed);
    let after = product(&world, "shirt");
    let prices: Vec<_> = after.live_variants().map(|variant| (variant.sku.as_str(), variant.price.0)).collect();
    assert_eq!(prices, [("S-1", 1000), ("M-1", 1300), ("L-1", 1500)]);
    assert_eq!(after.variants[1].barcode.as_deref(), Some("123"));
    assert_eq!(after.variants[0].id, before.variants[0].id);
    let levels = block_on(world.shop.store().stock_of(&[after.variants[0].id])).unwrap();
    assert_eq!(levels[0].on_hand, 3, "the stock of what was there stays");
    // A blank cell clears a value that may be empty.
    import(&world, &[row(&[("sku", "M-1"), ("price", ""), ("barcode", "")])]).unwrap();
    assert_eq!(
        (product(&world, "shirt").variants[1].barcode.clone(), product(&world, "shirt").variants[1].price.0),
        (None, 1300)
    );
}

#[test]
fn products_without_skus_are_found_again() {
    let world = world();
    let lone = [row(&[("name", "Green Tea"), ("price", "4"), ("sku", "")])];
    assert_eq!(import(&world, &lone).unwrap(), Imported::Created);
    assert_eq!(import(&world, &lone).unwrap(), Imported::Unchanged);
    let sized = [shirt("S", "", "10"), shirt("M", "", "12")];
    assert_eq!(import(&world, &sized).unwrap(), Imported::Created);
    assert_eq!(import(&world, &sized).unwrap(), Imported::Unchanged);
    assert_eq!(import(&world, &[shirt("S", "", "11"), shirt("M", "", "12")]).unwrap(), Imported::Changed);
    assert_eq!(products(&world).len(), 2);
    assert_eq!(product(&world, "shirt").live_variants().count(), 2);
}

#[test]
fn every_wrong_cell_is_named() {
    let world = world();
    import(&world, &[row(&[("name", "Mug"), ("sku", "MUG"), ("price", "5")])]).unwrap();
    import(&world, &[row(&[("name", "Cup"), ("sku", "CUP"), ("price", "5")])]).unwrap();
    let named =
        |expected: &[(usize, &str)]| expected.iter().map(|(row, name)| (*row, (*name).to_owned())).collect::<Vec<_>>();
    let cells = [
        ("name", "Shirt"),
        ("status", "gone"),
        ("option1_name", "Size"),
        ("option1_value", "S"),
        ("sku", "S-1"),
        ("price", "1.999"),
        ("weight_grams", "heavy"),
        ("stock", "-1"),
        ("images", "[{}]"),
        ("attributes", "[1]"),
        ("slug", "No Slug"),
    ];
    let second = row(&[("name", "Shirt"), ("sku", "S-1"), ("price", "abc"), ("option1_value", "M")]);
    let wrong = refused(import(&world, &[row(&cells), second]));
    for cell in named(&[
        (0, "status"),
        (0, "price"),
        (0, "weight_grams"),
        (0, "stock"),
        (0, "images"),
        (0, "attributes"),
        (0, "slug"),
        (1, "price"),
        (1, "sku"),
    ]) {
        assert!(wrong.contains(&cell), "{cell:?} is not in {wrong:?}");
    }
    assert_eq!(refused(import(&world, &[row(&[("name", "Hat"), ("price", "")])])), named(&[(0, "price")]));
    assert_eq!(refused(import(&world, &[row(&[("sku", "HAT"), ("price", "1")])])), named(&[(0, "name")]));
    let unknown = row(&[("name", "Hat"), ("price", "1"), ("category", "none")]);
    assert_eq!(refused(import(&world, &[unknown])), named(&[(0, "category")]));
    // Two rows that contradict each other.
    let other = Cells::new([
        ("name", "Shirt"),
        ("description", "Other"),
        ("price", "1"),
        ("option1_value", "M"),
        ("option1_name", "Color"),
    ]);
    assert_eq!(
        refused(import(&world, &[shirt("S", "S-2", "1"), other])),
        named(&[(1, "description"), (1, "option1_name")])
    );
    // The rows of two products.
    let both = [row(&[("slug", "mug"), ("sku", "MUG")]), row(&[("slug", "mug"), ("sku", "CUP")])];
    assert_eq!(refused(import(&world, &both)), named(&[(1, "sku")]));
    // Option values that are missing or equal.
    assert_eq!(
        refused(import(&world, &[shirt("S", "S-2", "1"), shirt("", "M-2", "1")])),
        named(&[(1, "option1_value")])
    );
    assert_eq!(
        refused(import(&world, &[shirt("S", "S-2", "1"), shirt("s", "M-2", "1")])),
        named(&[(1, "option1_value")])
    );
    assert_eq!(products(&world).len(), 2, "nothing was written");
    let customer = Actor::anonymous();
    let denied = block_on(world.shop.catalog().import_product(&customer, &[shirt("S", "S", "1")], &|_| false));
    assert!(matches!(denied, Err(Error::NotAuthenticated)), "{denied:?}");
}

#[test]
fn exported_rows_make_the_same_product() {
    let world = world();
    let category = CategoryInput { name: "Tea & Kaffee".into(), ..CategoryInput::default() };
    let category = block_on(world.shop.catalog().create_category(&Actor::system(), category)).unwrap();
    let input = serde_json::json!({
        "name": "=SUM(A1) \"Größe\", with commas", "description": "Two\n\nparagraphs, 'quoted'", "status": "draft",
        "category_id": category.id, "options": ["Size", "Farbe"],
        "images": [{"url": "https://example.com/a.png", "alt": "A, \"b\""}], "attributes": {"b": 1.5, "a": [null, "x"]},
        "variants": [
            {"sku": "A-1", "price": "10.00", "compare_at_price": "12.00", "options": {"Size": "S", "Farbe": "rot"}},
            {"sku": "A-2", "price": "0.01", "options": {"Size": "=1+1", "Farbe": "blau"}, "weight_grams": 5, "barcode": "1"},
        ],
    });
    let input: ProductInput = serde_json::from_value(input).unwrap();
    let made = block_on(world.shop.catalog().create_product(&Actor::system(), input)).unwrap().product;
    let rows = product_rows(&made, Some(&category.slug));
    assert_eq!(rows.len(), 2);
    assert_eq!(import(&world, &rows).unwrap(), Imported::Unchanged);

    let other = self::world();
    let category = CategoryInput { name: "Tea & Kaffee".into(), ..CategoryInput::default() };
    let there = block_on(other.shop.catalog().create_category(&Actor::system(), category)).unwrap();
    assert_eq!(import(&other, &rows).unwrap(), Imported::Created);
    let copy = product(&other, &made.slug);
    let same = Product {
        id: copy.id,
        category_id: Some(there.id),
        variants: made
            .variants
            .iter()
            .zip(&copy.variants)
            .map(|(made, copy)| crate::model::catalog::Variant { id: copy.id, ..made.clone() })
            .collect(),
        ..made.clone()
    };
    assert_eq!(copy, same);
    assert_eq!(product_rows(&copy, Some(&there.slug)), rows);
}

fn named(name: &str, price: &str) -> Cells {
    row(&[("name", name), ("price", price)])
}

fn names_and_slugs(world: &World) -> Vec<(String, String)> {
    let mut all: Vec<_> = products(world).into_iter().map(|product| (product.name, product.slug)).collect();
    all.sort();
    all
}

#[test]
fn a_product_never_takes_the_place_of_another_whose_slug_would_be_the_same() {
    for names in
        [["Ложка", "Вилка", "Нож"], ["Tee!", "Tee?", "tee"], ["抹茶", "煎茶", "玉露"], ["Café", "Cafe", "CAFE"]]
    {
        let world = world();
        for outcome in [Imported::Created, Imported::Unchanged] {
            for (price, name) in names.iter().enumerate() {
                assert_eq!(import(&world, &[named(name, &format!("{}", price + 1))]).unwrap(), outcome, "{name}");
            }
        }
        let found = products(&world);
        for (price, name) in (1..).zip(names) {
            let product = found.iter().find(|product| product.name == name).unwrap();
            assert_eq!(product.variants[0].price.0, price * 100);
        }
        assert_eq!(found.len(), 3, "{names:?}");
    }
}

#[test]
fn products_with_options_do_not_merge_because_of_their_slugs() {
    let world = world();
    let tee = |name: &str, size: &str| {
        row(&[("name", name), ("option1_name", "Size"), ("option1_value", size), ("price", "5")])
    };
    assert_eq!(import(&world, &[tee("Tee!", "S"), tee("Tee!", "M")]).unwrap(), Imported::Created);
    assert_eq!(import(&world, &[tee("Tee?", "L")]).unwrap(), Imported::Created);
    assert_eq!(names_and_slugs(&world), [("Tee!".into(), "tee".into()), ("Tee?".into(), "tee-2".into())]);
    assert_eq!((product(&world, "tee").variants.len(), product(&world, "tee-2").variants.len()), (2, 1));
}

#[test]
fn a_product_is_found_by_sku_else_by_slug_else_by_its_exact_name() {
    let world = world();
    import(&world, &[row(&[("slug", "cafe"), ("name", "Café"), ("sku", "CAFE"), ("price", "5")])]).unwrap();
    // The SKU takes precedence over the slug, and the slug over the name.
    import(&world, &[row(&[("sku", "CAFE"), ("slug", "coffee"), ("name", "Coffee")])]).unwrap();
    assert_eq!(names_and_slugs(&world), [("Coffee".into(), "coffee".into())]);
    import(&world, &[row(&[("slug", "coffee"), ("name", "Café")])]).unwrap();
    assert_eq!(names_and_slugs(&world), [("Café".into(), "coffee".into())]);
    // An unknown slug means a new product, whatever its name.
    let twin = row(&[("slug", "cafe"), ("name", "Café"), ("price", "6")]);
    assert_eq!(import(&world, &[twin]).unwrap(), Imported::Created);
    // The name alone is ambiguous.
    assert_eq!(refused(import(&world, &[named("Café", "7")])), [(0, "name".to_owned())]);
    // A deleted product is skipped if there is another.
    block_on(world.shop.catalog().delete_product(&Actor::system(), product(&world, "cafe").id, None)).unwrap();
    assert_eq!(import(&world, &[named(" Café ", "7")]).unwrap(), Imported::Changed);
    assert_eq!(product(&world, "coffee").variants[0].price.0, 700);
}

#[test]
fn a_derived_slug_is_none_that_another_row_gives() {
    let world = world();
    let reserved = |slug: &str| ["mug", "mug-2"].contains(&slug);
    let made = |rows: &[Cells]| block_on(world.shop.catalog().import_product(&Actor::system(), rows, &reserved));
    assert_eq!(made(&[named("Mug", "1")]).unwrap(), Imported::Created);
    let given = row(&[("slug", "mug"), ("name", "Mug, large"), ("price", "2")]);
    assert_eq!(made(std::slice::from_ref(&given)).unwrap(), Imported::Created);
    assert_eq!(names_and_slugs(&world), [("Mug".into(), "mug-3".into()), ("Mug, large".into(), "mug".into())]);
    assert_eq!(made(&[named("Mug", "1")]).unwrap(), Imported::Unchanged);
    assert_eq!(made(&[given]).unwrap(), Imported::Unchanged);
}

#[test]
fn exact_numbers_are_read_as_a_spreadsheet_writes_them() {
    let world = world();
    let cells = [
        ("name", "Tea"),
        ("price", "10.5000"),
        ("compare_at_price", ".50"),
        ("weight_grams", "150.0"),
        ("stock", "4.0"),
    ];
    import(&world, &[row(&cells)]).unwrap();
    let variant = product(&world, "tea").variants[0].clone();
    assert_eq!((variant.price.0, variant.compare_at_price.unwrap().0, variant.weight_grams), (1050, 50, 150));
    assert_eq!(block_on(world.shop.store().stock_of(&[variant.id])).unwrap()[0].on_hand, 4);
    for (column, text) in [("price", "10.505"), ("price", "-1"), ("weight_grams", "0.5"), ("weight_grams", "1e3")] {
        assert_eq!(refused(import(&world, &[row(&[("name", "Tea"), (column, text)])])), [(0, column.to_owned())]);
    }
}

#[test]
fn what_was_deleted_comes_back_or_is_told_of() {
    let world = world();
    let rows = [shirt("S", "S-1", "10"), shirt("M", "M-1", "12")];
    import(&world, &rows).unwrap();
    let id = product(&world, "shirt").id;
    block_on(world.shop.catalog().delete_product(&Actor::system(), id, None)).unwrap();
    assert_eq!(refused(import(&world, &rows)), [(0, "status".to_owned())]);
    assert_eq!(
        refused(import(&world, &[row(&[("sku", "M-1"), ("price", "x")])])),
        [(0, "status".to_owned()), (0, "price".to_owned())]
    );
    let back = |status| Cells::new([("slug", "shirt"), ("status", status)]);
    assert_eq!(import(&world, &[back("archived")]).unwrap(), Imported::Unchanged, "as it was exported");
    assert_eq!(import(&world, &[back("active")]).unwrap(), Imported::Changed);
    // An archived variant is put on sale again.
    let one = serde_json::json!({"variants": [{"sku": "S-1"}]});
    let one: ProductInput = serde_json::from_value(one).unwrap();
    block_on(world.shop.catalog().update_product(&Actor::system(), id, one, None)).unwrap();
    assert_eq!(product(&world, "shirt").live_variants().count(), 1);
    assert_eq!(import(&world, &[shirt("M", "M-1", "12")]).unwrap(), Imported::Changed);
    assert_eq!(product(&world, "shirt").live_variants().count(), 2);
}

#[test]
fn the_stock_of_a_new_variant_is_booked_and_that_of_a_stored_one_is_not() {
    let world = world();
    import(&world, &[shirt("S", "S-1", "10")]).unwrap();
    let mut more = vec![shirt("L", "L-1", "15"), shirt("S", "S-1", "10")];
    for outcome in [Imported::Changed, Imported::Unchanged] {
        assert_eq!(import(&world, &more).unwrap(), outcome);
        let on_hand: Vec<_> = product(&world, "shirt")
            .variants
            .iter()
            .map(|variant| block_on(world.shop.store().stock_of(&[variant.id])).unwrap()[0].on_hand)
            .collect();
        assert_eq!(on_hand, [3, 3]);
        more.reverse();
    }
    // Through the API, a product that is changed gets no initial stock, as documented.
    let input = serde_json::json!({"variants": [{"sku": "S-1"}, {"sku": "L-1"},
        {"sku": "XL-1", "price": "1", "options": {"Size": "XL"}, "stock": 9}]});
    let input: ProductInput = serde_json::from_value(input).unwrap();
    let id = product(&world, "shirt").id;
    block_on(world.shop.catalog().update_product(&Actor::system(), id, input, None)).unwrap();
    let variant = product(&world, "shirt").variants[2].id;
    assert_eq!(block_on(world.shop.store().stock_of(&[variant])).unwrap()[0].on_hand, 0);
}

#[test]
fn a_row_may_add_an_image() {
    let world = world();
    let address = |name: &str| format!("https://example.com/{name}.png");
    let image = |name: &str| Cells::new([("slug", "shirt".to_owned()), ("images", address(name))]);
    let first = [("slug", "shirt"), ("name", "Shirt"), ("price", "10"), ("sku", "S-1"), ("images", &address("a"))];
    let rows = [row(&first), image("b"), Cells::new([("images", address("c"))]), image("a"), row(&[("slug", "shirt")])];
    for outcome in [Imported::Created, Imported::Unchanged] {
        assert_eq!(import(&world, &rows).unwrap(), outcome);
        let urls: Vec<_> = product(&world, "shirt").images.into_iter().map(|image| image.url).collect();
        assert_eq!(urls, ["a", "b", "c"].map(address));
        assert_eq!(product(&world, "shirt").variants.len(), 1);
    }
    let wrong = [row(&first), Cells::new([("slug", "shirt"), ("images", "http://")]), Cells::new([("images", "[1]")])];
    assert_eq!(refused(import(&world, &wrong)), [(2, "images".to_owned()), (1, "images".to_owned())]);
    // A list in a variant's row belongs to the product.
    let listed = |sku, size, images| {
        let mut cells = vec![("name", "Hat"), ("sku", sku), ("price", "1"), ("images", images)];
        cells.extend([("option1_name", "Size"), ("option1_value", size)]);
        Cells::new(cells)
    };
    let (one, other) = (r#"[{"url": "http://a.b/1"}]"#, r#"[{"url": "http://a.b/2"}]"#);
    assert_eq!(import(&world, &[listed("A", "S", one), listed("B", "M", one)]).unwrap(), Imported::Created);
    assert_eq!(refused(import(&world, &[listed("A", "S", one), listed("B", "M", other)])), [(1, "images".to_owned())]);
    // Exports of other shops have an image in each row.
    assert_eq!(
        import(&world, &[listed("A", "S", "http://a.b/1"), listed("B", "M", "http://a.b/3")]).unwrap(),
        Imported::Changed
    );
    assert_eq!(product(&world, "hat").images.len(), 2);
}

#[test]
fn what_a_spreadsheet_has_spoiled_is_refused() {
    let world = world();
    let cell = |column| [(0, String::from(column))];
    let tea = |column, text| row(&[("name", "Tea"), ("price", "1"), (column, text)]);
    assert_eq!(refused(import(&world, &[tea("barcode", "5.01235E+12")])), cell("barcode"));
    assert_eq!(refused(import(&world, &[tea("sku", "1.23457E+11")])), cell("sku"));
    assert_eq!(refused(import(&world, &[tea("option1_value", "S")])), cell("option1_value"), "of which option?");
    assert_eq!(products(&world).len(), 0);
    // A value that really looks like this is kept.
    let input = ProductInput { name: "Tea".into(), price: "1".into(), barcode: "1E+5".into(), ..Default::default() };
    block_on(world.shop.catalog().create_product(&Actor::system(), input)).unwrap();
    assert_eq!(import(&world, &[tea("barcode", "1E+5")]).unwrap(), Imported::Unchanged);
}

#[test]
fn the_rows_of_one_product_are_bounded() {
    let mut rows = ProductRows::default();
    let long = "x".repeat(20_000);
    let described = |size: usize| {
        let mut cells = vec![("name", "Shirt".to_owned()), ("description", long.clone())];
        cells.push(("option1_value", size.to_string()));
        Cells::new(cells)
    };
    // Cells that repeat the first row do not count.
    assert!((0..250).all(|size| rows.push(described(size)) == Ok(true)));
    assert_eq!(rows.push(Cells::new([("name", "Shirt"), ("description", " ")])), Ok(false));
    assert!(rows.push(described(251)).unwrap_err().contains("at most 200 variants"));
    let kept = rows.into_rows();
    assert_eq!((kept[0].get("description").unwrap().len(), kept[1].get("description")), (20_000, None));
    let mut rows = ProductRows::default();
    let pushed = (0..100).find_map(|size| {
        let row = Cells::new([("name", "Shirt".to_owned()), ("option1_value", format!("{size}{long}"))]);
        rows.push(row).err()
    });
    assert!(pushed.unwrap().contains("bytes"));
}

#[test]
fn imports_that_may_meet_share_a_key() {
    let world = world();
    import(&world, &[row(&[("slug", "old"), ("name", "Old"), ("sku", "A"), ("price", "1")])]).unwrap();
    let keys = |rows: &[Cells]| {
        let found = block_on(world.shop.catalog().find_imported(&Actor::system(), rows)).unwrap();
        found.keys(rows)
    };
    let meet = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        let (one, other) = (keys(&[row(one)]), keys(&[row(other)]));
        one.iter().any(|key| other.contains(key))
    };
    assert!(meet(&[("sku", "A"), ("name", "New")], &[("name", "Old")]));
    assert!(meet(&[("sku", "A"), ("name", "New")], &[("name", "New")]));
    assert!(meet(&[("sku", "A"), ("slug", "new")], &[("slug", "new")]));
    assert!(meet(&[("sku", "A")], &[("slug", "old")]), "they are the same product");
    assert!(meet(&[("sku", "A"), ("slug", "new")], &[("name", "Old!")]), "the slug becomes free");
    assert!(meet(&[("name", "Tee!")], &[("name", "Tee?")]));
    assert!(meet(&[("name", "Tee")], &[("name", "Tee 2")]));
    assert!(meet(&[("name", "Tee!")], &[("slug", "tee-3")]));
    assert!(!meet(&[("name", "Tee"), ("sku", "B")], &[("name", "Mug"), ("sku", "C")]));
}

#[test]
fn a_dry_run_says_what_an_import_would_do_and_writes_nothing() {
    let world = world();
    let category = CategoryInput { name: "Tea".into(), ..CategoryInput::default() };
    block_on(world.shop.catalog().create_category(&Actor::system(), category)).unwrap();
    import(&world, &[named("Café", "1")]).unwrap();
    import(&world, &[row(&[("name", "Set"), ("sku", "SET-1"), ("price", "1"), ("stock", "5"), ("category", "tea")])])
        .unwrap();
    let gone = product(&world, "cafe").id;
    block_on(world.shop.catalog().delete_product(&Actor::system(), gone, None)).unwrap();
    let before = (names_and_slugs(&world), product(&world, "set"));
    let tables = [
        vec![named("Tee!", "1")],
        vec![named("Tee?", "1")],
        vec![row(&[("slug", "tee-2"), ("price", "2")])],
        vec![named("Café", "1")],
        vec![named("Cafe", "1")],
        vec![row(&[("sku", "SET-1"), ("status", "draft"), ("name", "Sets")])],
        vec![row(&[("sku", "SET-1"), ("status", "draft")])],
        vec![named("Set", "3")],
        vec![named("Sets", "3")],
        vec![row(&[("name", "Pot"), ("price", "1"), ("category", "tea"), ("sku", "POT")])],
        vec![row(&[("name", "Jug"), ("price", "1"), ("category", "none"), ("sku", "POT")])],
    ];
    let stock = [("-3", ""), ("-3", ""), ("4", "k"), ("4", "k")];
    let key = |key: &str| crate::idempotency::IdempotencyKey::new(key, &serde_json::json!(null)).ok();
    let scratch = std::sync::Arc::new(crate::memory::MemoryStore::new());
    let dry_run = block_on(crate::import::DryRun::new(&world.shop, scratch)).unwrap();
    let tried: Vec<_> = tables
        .iter()
        .map(|rows| block_on(dry_run.import_product(&Actor::system(), rows, &|_| false)).unwrap())
        .collect();
    let booked = |delta: &str| row(&[("sku", "SET-1"), ("delta", delta)]);
    let tried_stock: Vec<_> = stock
        .iter()
        .map(|(delta, name)| {
            block_on(dry_run.import_stock(&Actor::system(), &booked(delta), key(name).as_ref())).unwrap()
        })
        .collect();
    assert_eq!((names_and_slugs(&world), product(&world, "set")), before);
    let done: Vec<_> = tables.iter().map(|rows| import(&world, rows).unwrap()).collect();
    let done_stock: Vec<_> = stock
        .iter()
        .map(|(delta, name)| {
            let inventory = world.shop.inventory();
            block_on(inventory.import_stock(&Actor::system(), &booked(delta), key(name).as_ref())).unwrap()
        })
        .collect();
    assert_eq!((&tried, &tried_stock), (&done, &done_stock));
    let letter = |outcome: &Imported| match outcome {
        Imported::Created => 'n',
        Imported::Changed => 'c',
        Imported::Unchanged => 'u',
        Imported::Refused(_) => 'r',
    };
    assert_eq!(done.iter().map(letter).collect::<String>(), "nncrncuncnr");
    assert_eq!(done_stock.iter().map(letter).collect::<String>(), "crcu");
    // The dry run knows earlier imports by their idempotency key.
    let scratch = std::sync::Arc::new(crate::memory::MemoryStore::new());
    let again = block_on(crate::import::DryRun::new(&world.shop, scratch)).unwrap();
    let again = block_on(again.import_stock(&Actor::system(), &booked("4"), key("k").as_ref())).unwrap();
    assert_eq!(again, Imported::Unchanged);
}
