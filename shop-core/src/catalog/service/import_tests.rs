use crate::actor::Actor;
use crate::catalog::{CategoryInput, Product, ProductInput, ProductQuery, ProductSort, product_rows};
use crate::error::{Error, Result};
use crate::import::{CellError, Cells, Imported};
use crate::page::PageRequest;
use crate::testing::{World, block_on, world};

fn import(world: &World, rows: &[Cells]) -> Result<Imported> {
    block_on(world.shop.catalog().import_product(&Actor::system(), rows))
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

/// The cells that were refused: row, column.
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
    // A row of one variant alone, of which the table says no more than this.
    assert_eq!(
        import(&world, &[row(&[("sku", "M-1"), ("price", "13"), ("barcode", "123")])]).unwrap(),
        Imported::Changed
    );
    // One more variant, one of those that are there, and another name.
    let more = [shirt("L", "L-1", "15"), shirt("S", "S-1", "10")];
    assert_eq!(import(&world, &more).unwrap(), Imported::Changed);
    let after = product(&world, "shirt");
    let prices: Vec<_> = after.live_variants().map(|variant| (variant.sku.as_str(), variant.price.0)).collect();
    assert_eq!(prices, [("S-1", 1000), ("M-1", 1300), ("L-1", 1500)]);
    assert_eq!(after.variants[1].barcode.as_deref(), Some("123"));
    assert_eq!(after.variants[0].id, before.variants[0].id);
    let levels = block_on(world.shop.store().stock_of(&[after.variants[0].id])).unwrap();
    assert_eq!(levels[0].on_hand, 3, "the stock of what was there stays");
    // A blank cell clears what can be empty.
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
    // Two rows that are at odds.
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
    // Two products in one.
    let both = [row(&[("slug", "mug"), ("sku", "MUG")]), row(&[("slug", "mug"), ("sku", "CUP")])];
    assert_eq!(refused(import(&world, &both)), named(&[(1, "sku")]));
    // Values of options that are missing or the same.
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
    let denied = block_on(world.shop.catalog().import_product(&customer, &[shirt("S", "S", "1")]));
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
            .map(|(made, copy)| crate::catalog::Variant { id: copy.id, ..made.clone() })
            .collect(),
        ..made.clone()
    };
    assert_eq!(copy, same);
    assert_eq!(product_rows(&copy, Some(&there.slug)), rows);
}
