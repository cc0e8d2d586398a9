//! `import` and `export` with CSV files as spreadsheets write them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::operations::{refusal, succeeds};
use crate::support::{Folder, TestShop, order, text};

/// The rows of a file, each with its column names.
fn rows(folder: &Folder, name: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_path(folder.file(name)).unwrap();
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let named = |record: csv::StringRecord| columns.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| named(record.unwrap())).collect()
}

fn cell<'r>(row: &'r [(String, String)], column: &str) -> &'r str {
    &row.iter().find(|(name, _)| name == column).unwrap_or_else(|| panic!("no column {column}")).1
}

fn import(folder: &Folder, what: &str, text: &str, more: &[&str]) -> std::process::Output {
    fs::write(folder.file("in.csv"), text).unwrap();
    folder.run(&[&["import", what, "in.csv"], more].concat(), &[])
}

const SHIRTS: &str = "\u{feff}Name,Option1_Name,option1_value,sku,price,stock\r\n\
    Shirt,Size,S,SHIRT-S,10,3\r\n\
    Shirt,Size,M,SHIRT-M,12.50,4\r\n\
    \"Mug, \"\"large\"\"\",,,MUG,5.00,\r\n";

#[test]
fn products_are_imported_beside_a_running_server_and_once() {
    let shop = TestShop::open();
    let tried = succeeds(&import(&shop.folder, "products", SHIRTS, &["--dry-run"]));
    assert!(
        tried.contains("2 created, 0 changed, 0 unchanged; 0 rows refused.") && tried.contains("dry run"),
        "{tried}"
    );
    assert_eq!(shop.staff("GET", "/catalog/products/", &Value::Null, 200)["count"], 0, "nothing was written");

    let said = succeeds(&import(&shop.folder, "products", SHIRTS, &[]));
    assert_eq!(said, "2 created, 0 changed, 0 unchanged; 0 rows refused.\n", "no bar where there is no terminal");
    let again = succeeds(&import(&shop.folder, "products", SHIRTS, &[]));
    assert_eq!(again, "0 created, 0 changed, 2 unchanged; 0 rows refused.\n");
    let shirt = shop.staff("GET", "/catalog/products/shirt/", &Value::Null, 200);
    let variants = shirt["variants"].as_array().unwrap();
    let prices: Vec<_> = variants.iter().map(|variant| (text(&variant["sku"]), text(&variant["price"]))).collect();
    assert_eq!(prices, [("SHIRT-S".into(), "10.00".into()), ("SHIRT-M".into(), "12.50".into())]);
    assert_eq!(variants[1]["available"], 4);
    let found = shop.staff("GET", "/catalog/products/?search=large", &Value::Null, 200);
    assert_eq!(found["results"][0]["name"], "Mug, \"large\"");

    let said = succeeds(&import(&shop.folder, "products", "sku,price\nSHIRT-M,13\n", &[]));
    assert_eq!(said, "0 created, 1 changed, 0 unchanged; 0 rows refused.\n");
    let shirt = shop.staff("GET", "/catalog/products/shirt/", &Value::Null, 200);
    assert_eq!((&shirt["variants"][0]["price"], &shirt["variants"][1]["price"]), (&json!("10.00"), &json!("13.00")));
    shop.folder.is_sound();
}

#[test]
fn what_is_wrong_is_named_by_line_and_column_and_the_rest_is_written() {
    let shop = TestShop::open();
    let file = "name,sku,price,status,option1_name,option1_value,category\n\
        Good,GOOD,1.00,,,,\n\
        Bad,BAD,1.999,gone,,,\n\
        \"Two\nlines\",,,,,,\n\
        Shirt,S-1,10,,Size,S,\n\
        Shirt,S-2,10,,Size,S,\n\
        Good,GOOD-2,1.00,,,,\n\
        Other,GOOD,2.00,,,,\n\
        Lost,LOST,2.00,,,,nowhere\n\
        short,row\n\
        ,,,,,,x\n\
        Last,LAST,3,draft,,,\n";
    for more in [&["--dry-run"] as &[&str], &[]] {
        let output = import(&shop.folder, "products", file, more);
        let said = refusal(&output);
        for line in [
            "line 3, price: ",
            "line 3, status: Must be one of: draft, active, archived.",
            "line 4, price: ",
            "line 7, option1_value: ",
            "line 8, name: The rows of a product must follow each other; its first rows begin in line 2.",
            "line 9, sku: This sku is also in line 2.",
            "line 10, category: There is no such category.",
            "line 11, price: The row has 2 cells, there are 7 columns.",
            "line 12, name: Give a slug, a name or a sku.",
            "2 created, 0 changed, 0 unchanged; 9 rows refused.",
            "9 rows were refused",
        ] {
            assert!(said.contains(line), "{line:?} is not said:\n{said}");
        }
    }
    let names: Vec<_> = shop.staff("GET", "/catalog/products/?ordering=name", &Value::Null, 200)["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| text(&product["name"]))
        .collect();
    assert_eq!(names, ["Good", "Last"], "what is right was written, of what is wrong nothing");
}

#[test]
fn prices_in_another_currency_are_not_taken_for_the_shops() {
    let shop = TestShop::open();
    let file = "name,sku,price,currency\nHere,HERE,1.00,usd\nAbroad,ABROAD,1.00,EUR\nNone,NONE,1.00,\n";
    let said = refusal(&import(&shop.folder, "products", file, &[]));
    assert!(said.contains("line 3, currency: The amounts here are in USD."), "{said}");
    assert!(said.contains("2 created, 0 changed, 0 unchanged; 1 rows refused."), "{said}");
    let dearer = "sku,price,currency\nHERE,2.00,EUR\n";
    assert!(refusal(&import(&shop.folder, "products", dearer, &[])).contains("line 2, currency: "));
    let found = shop.staff("GET", "/catalog/products/?ordering=name", &Value::Null, 200);
    let prices: Vec<_> = found["results"].as_array().unwrap().iter().map(|product| text(&product["price"])).collect();
    assert_eq!(prices, ["1.00", "1.00"]);
}

#[test]
fn files_that_are_no_tables_are_refused_before_anything_is_done() {
    let folder = Folder::new();
    for (text, word) in
        [("name,colour\nA,red\n", "colour"), ("", "columns"), ("name,name\n", "twice"), ("\u{0}\n", "line 1")]
    {
        let said = refusal(&import(&folder, "products", text, &[]));
        assert!(said.contains("in.csv") && said.contains(word), "{said}");
    }
    assert!(refusal(&folder.run(&["import", "stock", "none.csv"], &[])).contains("none.csv"));
    assert!(!folder.file("db.sqlite3").exists());
    assert!(refusal(&folder.run(&["import", "people", "in.csv"], &[])).contains("products"));
}

#[test]
fn counts_of_stock_are_booked_once_and_deltas_once_for_each_file() {
    let shop = TestShop::open();
    let mug = shop.product("MUG", 5);
    let place = json!({"name": "Store", "code": "store"});
    let place = shop.staff("POST", "/inventory/locations/", &place, 201);
    let counts = "sku,location,on_hand,note\nMUG,,7,counted\nMUG,store,2,\n";
    let tried = succeeds(&import(&shop.folder, "stock", counts, &["--dry-run"]));
    assert!(tried.starts_with("0 created, 2 changed"), "{tried}");
    assert_eq!(shop.stock(&mug)[0], 5);
    assert!(succeeds(&import(&shop.folder, "stock", counts, &[])).starts_with("0 created, 2 changed, 0 unchanged"));
    assert!(succeeds(&import(&shop.folder, "stock", counts, &[])).starts_with("0 created, 0 changed, 2 unchanged"));
    assert_eq!(shop.stock(&mug)[0], 9);
    let ledger = shop.staff("GET", "/inventory/movements/?sku=MUG", &Value::Null, 200);
    let booked: Vec<_> =
        ledger["results"].as_array().unwrap().iter().map(|movement| movement["reason"].clone()).collect();
    assert_eq!(booked.iter().filter(|reason| *reason == "correction").count(), 2, "{ledger}");
    assert!(ledger["results"].as_array().unwrap().iter().any(|movement| movement["location_id"] == place["id"]));

    let deltas = "sku,delta,reason\nMUG,3,received\nMUG,-1,damaged\n";
    assert!(succeeds(&import(&shop.folder, "stock", deltas, &[])).starts_with("0 created, 2 changed"));
    assert!(succeeds(&import(&shop.folder, "stock", deltas, &[])).starts_with("0 created, 0 changed, 2 unchanged"));
    assert_eq!(shop.stock(&mug)[0], 11);
    // As a spreadsheet saves the file again.
    let windows = deltas.replace('\n', "\r\n");
    assert!(succeeds(&import(&shop.folder, "stock", &windows, &[])).starts_with("0 created, 0 changed, 2 unchanged"));
    // A corrected file is a different file, so a file with an invalid line books nothing.
    let wrong = "sku,delta\nMUG,5\nMUGG,1\n";
    let said = refusal(&import(&shop.folder, "stock", wrong, &[]));
    assert!(said.contains("line 3, sku: ") && said.contains("booked as a whole"), "{said}");
    assert_eq!(shop.stock(&mug)[0], 11);
    assert!(succeeds(&import(&shop.folder, "stock", &wrong.replace("MUGG,1", "MUG,-5"), &[])).contains("2 changed"));
    assert_eq!(shop.stock(&mug)[0], 11);

    let said = refusal(&import(&shop.folder, "stock", "sku,on_hand\nMUG,1\nMUG,2\nCUP,1\nMUG,x\n", &[]));
    for line in ["line 3, sku: This was also counted in line 2.", "line 4, sku: ", "line 5, ", "3 rows were refused"] {
        assert!(said.contains(line), "{line:?} is not said:\n{said}");
    }
    assert_eq!(shop.stock(&mug)[0], 3, "one at the one place, two at the other");
    shop.folder.is_sound();
}

#[test]
fn exported_products_come_back_as_they_were() {
    let shop = TestShop::open();
    shop.staff("POST", "/catalog/categories/", &json!({"name": "Tea"}), 201);
    let category = shop.staff("POST", "/catalog/categories/", &json!({"name": "Cups"}), 201);
    // More than one page of them, and names that a spreadsheet would run.
    for number in 0..104 {
        let body = json!({"name": format!("Cup {number}"), "price": "1.00", "category_id": category["id"]});
        shop.staff("POST", "/catalog/products/", &body, 201);
    }
    let shirt = json!({"name": "=HYPERLINK(\"http://x\")", "description": "-1\n\n+2, \"quoted\"", "options": ["Size", "Color"],
        "attributes": {"@a": ["=1"]}, "images": [{"url": "https://example.com/a.png", "alt": "+"}], "variants": [
        {"sku": "A-S", "price": "10.00", "options": {"Size": "-S", "Color": "'=x"}, "barcode": "+1", "weight_grams": 7},
        {"sku": "A-M", "price": "12.00", "options": {"Size": "@M", "Color": "é"}, "compare_at_price": "13.00"}]});
    let shirt = shop.staff("POST", "/catalog/products/", &shirt, 201);
    let said = succeeds(&shop.folder.run(&["export", "products", "out.csv"], &[]));
    assert!(said.contains("106 rows written to out.csv"), "{said}");
    assert_eq!(fs::metadata(shop.folder.file("out.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = fs::read_to_string(shop.folder.file("out.csv")).unwrap();
    assert!(bytes.lines().next().unwrap().starts_with("slug,name,") && bytes.contains("\r\n"), "{bytes}");
    let all = rows(&shop.folder, "out.csv");
    assert_eq!(all.len(), 106);
    let runs = |text: &String| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    assert!(all.iter().flatten().all(|(_, text)| !runs(text)));
    let first = all.iter().find(|row| cell(row, "sku") == "A-S").unwrap();
    assert_eq!((cell(first, "name"), cell(first, "option2_value")), ("'=HYPERLINK(\"http://x\")", "''=x"));

    // Importing into the same shop changes nothing; into another one, it creates the same products.
    let again = succeeds(&shop.folder.run(&["import", "products", "out.csv"], &[]));
    assert_eq!(again, "0 created, 0 changed, 105 unchanged; 0 rows refused.\n");
    let other = TestShop::open();
    other.staff("POST", "/catalog/categories/", &json!({"name": "Cups"}), 201);
    fs::copy(shop.folder.file("out.csv"), other.folder.file("out.csv")).unwrap();
    assert!(succeeds(&other.folder.run(&["import", "products", "out.csv"], &[])).starts_with("105 created"));
    succeeds(&other.folder.run(&["export", "products", "again.csv"], &[]));
    let sorted = |mut rows: Vec<Vec<(String, String)>>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(rows(&other.folder, "again.csv")), sorted(all));
    let copy = other.staff("GET", &format!("/catalog/products/{}/", text(&shirt["slug"])), &Value::Null, 200);
    for field in ["name", "description", "options", "attributes", "images", "status"] {
        assert_eq!(copy[field], shirt[field], "{field}");
    }
    let said = refusal(&shop.folder.run(&["export", "products", "out.csv"], &[]));
    assert!(said.contains("out.csv already exists"), "{said}");
}

#[test]
fn orders_are_exported_with_their_sums_and_lines() {
    let shop = TestShop::open();
    let (_, method) = shop.shipping();
    let goods = shop.product("MUG", 9);
    let mut numbers = Vec::new();
    for quantity in [1, 2] {
        let cart = shop.guest_cart(&goods.sku, quantity);
        let mut body = order(&method);
        body["note"] = json!("=cmd|'/c calc'!A0");
        let placed = shop.client().ask("POST", "/orders/", &[("X-Cart-Token", &cart)], &body).expect(201);
        numbers.push((text(&placed["number"]), text(&placed["total"])));
    }
    assert!(succeeds(&shop.folder.run(&["export", "orders", "orders.csv"], &[])).contains("2 rows"));
    let all = rows(&shop.folder, "orders.csv");
    let told: Vec<_> = all.iter().map(|row| (cell(row, "number").to_owned(), cell(row, "total").to_owned())).collect();
    assert_eq!(told, numbers, "oldest first");
    assert_eq!(cell(&all[1], "items"), "2 × MUG");
    assert_eq!(cell(&all[0], "note"), "'=cmd|'/c calc'!A0");
    assert_eq!((cell(&all[0], "shipping_city"), cell(&all[0], "billing_country")), ("London", "GB"));
    assert!(cell(&all[0], "placed_at").ends_with('Z'));
    succeeds(&shop.folder.run(&["export", "order-lines", "lines.csv"], &[]));
    let lines = rows(&shop.folder, "lines.csv");
    assert_eq!(lines.len(), 2);
    assert_eq!((cell(&lines[1], "quantity"), cell(&lines[1], "line_total")), ("2", "39.98"));
    // An export does not create a shop in an empty folder.
    let empty = Folder::new();
    assert!(refusal(&empty.run(&["export", "orders", "orders.csv"], &[])).contains("db.sqlite3"));
    assert!(!empty.file("orders.csv").exists() && !empty.file("db.sqlite3").exists());
}
