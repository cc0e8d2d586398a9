//! Realistic import files: from other shops, from spreadsheets, damaged, and very large.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Output, Stdio};

use crate::operations::{refusal, succeeds};
use crate::support::Folder;

fn import(folder: &Folder, what: &str, text: &str, more: &[&str]) -> Output {
    fs::write(folder.file("in.csv"), text).unwrap();
    folder.run(&[&["import", what, "in.csv"], more].concat(), &[])
}

fn products(folder: &Folder, text: &str) -> String {
    succeeds(&import(folder, "products", text, &[]))
}

/// Some columns of all products, sorted.
fn exported(folder: &Folder, columns: &[&str]) -> Vec<String> {
    let _ = fs::remove_file(folder.file("out.csv"));
    succeeds(&folder.run(&["export", "products", "out.csv"], &[]));
    let mut reader = csv::Reader::from_path(folder.file("out.csv")).unwrap();
    let names = reader.headers().unwrap().clone();
    let place = |column: &&str| names.iter().position(|name| name == *column).unwrap();
    let places: Vec<_> = columns.iter().map(place).collect();
    let line = |row: csv::StringRecord| places.iter().map(|place| row[*place].to_owned()).collect::<Vec<_>>().join("|");
    let mut rows: Vec<String> = reader.records().map(|row| line(row.unwrap())).collect();
    rows.sort();
    rows
}

#[test]
fn every_row_is_a_product_of_its_own_whatever_its_slug_would_be() {
    let file = "name,price\nЛожка,1\nВилка,2\nНож,3\nTee!,4\nTee?,5\nCafé,6\nCafe,7\n抹茶,8\n煎茶,9\n";
    let folder = Folder::new();
    products(&folder, "name,price\nCafé,5\n");
    let said = succeeds(&import(&folder, "products", file, &["--dry-run"]));
    assert!(said.starts_with("8 created, 1 changed, 0 unchanged; 0 rows refused."), "{said}");
    assert_eq!(products(&folder, file), "8 created, 1 changed, 0 unchanged; 0 rows refused.\n");
    let all = exported(&folder, &["name", "price", "slug"]);
    let expected = [
        "Cafe|7.00|cafe-2",
        "Café|6.00|cafe",
        "Tee!|4.00|tee",
        "Tee?|5.00|tee-2",
        "Вилка|2.00|product-2",
        "Ложка|1.00|product",
        "Нож|3.00|product-3",
        "抹茶|8.00|product-4",
        "煎茶|9.00|product-5",
    ];
    assert_eq!(all, expected, "in the order of the file, although many rows are imported at once");
    assert_eq!(products(&folder, file), "0 created, 0 changed, 9 unchanged; 0 rows refused.\n");
    let options = "name,option1_name,option1_value,price\nBag!,Size,S,1\nBag!,Size,M,1\nBag?,Size,S,2\nBag?,Size,M,2\n";
    assert!(products(&folder, options).starts_with("2 created"));
    // A slug given by a later row is not derived for an earlier one.
    let given = "name,slug,price\nMug,,1\nMug large,mug,2\nMug,mug-2,3\n";
    for outcome in ["3 created, 0 changed, 0 unchanged", "0 created, 0 changed, 2 unchanged"] {
        let output = import(&folder, "products", given, &[]);
        assert!(String::from_utf8_lossy(&output.stdout).contains(outcome), "{output:?}");
    }
    let mugs = exported(&folder, &["slug", "name", "price"]).into_iter().filter(|row| row.starts_with("mug"));
    assert_eq!(mugs.collect::<Vec<_>>(), ["mug-2|Mug|3.00", "mug-3|Mug|1.00", "mug|Mug large|2.00"]);
    folder.is_sound();
}

#[test]
fn rows_that_speak_of_one_product_are_done_in_the_order_of_the_file() {
    let folder = Folder::new();
    let mut made = "name,option1_name,option1_value,sku,price\n".to_owned();
    let mut changed = "sku,name,price\n".to_owned();
    for size in 0..60 {
        writeln!(made, "Shirt,Size,{size},SHIRT-{size},1").unwrap();
        writeln!(changed, "SHIRT-{size},Shirt {size},{}", size + 2).unwrap();
    }
    products(&folder, &made);
    let tried = succeeds(&import(&folder, "products", &changed, &["--dry-run"]));
    assert!(tried.starts_with("0 created, 60 changed, 0 unchanged"), "{tried}");
    assert!(products(&folder, &changed).starts_with("0 created, 60 changed"));
    let all = exported(&folder, &["name", "price"]);
    assert_eq!(all.len(), 60);
    assert!(all.iter().all(|row| row.starts_with("Shirt 59|")), "{all:?}");
    // Stock as well: the last pieces are taken only once, in a dry run too.
    let stock = "sku,delta\nSHIRT-1,5\nSHIRT-1,-3\nSHIRT-1,-3\nSHIRT-1,1\nSHIRT-1,-3\n";
    for more in [&["--dry-run"] as &[&str], &[]] {
        let said = refusal(&import(&folder, "stock", stock, more));
        assert!(said.contains("line 4, delta: ") && said.contains("4 changed, 0 unchanged; 1 rows refused."), "{said}");
        assert!(said.contains("Nothing was written: "), "{said}");
    }
    folder.is_sound();
}

#[test]
fn numbers_are_read_as_spreadsheets_write_them() {
    let folder = Folder::new();
    let file = "name,sku,price,weight_grams,stock,barcode\nTea,TEA,10.5000,150.0,4.0,\nPot,POT,.50,0.0,,\n\
        Cup,CUP,1,1,1,5.01E+12\n";
    let said = refusal(&import(&folder, "products", file, &[]));
    assert!(said.contains("line 4, barcode: ") && said.contains("2 created"), "{said}");
    assert_eq!(exported(&folder, &["sku", "price", "weight_grams"]), ["POT|0.50|0", "TEA|10.50|150"]);
    assert!(succeeds(&import(&folder, "stock", "sku,on_hand\nTEA,4.0\n", &[])).contains("1 unchanged"));
    assert!(succeeds(&import(&folder, "stock", "sku,delta\nTEA,-1.0\n", &[])).contains("1 changed"));
}

#[test]
fn files_of_others_are_read() {
    let folder = Folder::new();
    let shopify = "slug,name,Body (HTML),Vendor,option1_name,option1_value,sku,weight_grams,price,images,Gift Card\n\
        tee,Tee,<p>Soft</p>,Acme,Size,S,TEE-S,120.0,19.00,https://example.com/1.png,false\n\
        tee,,,,,M,TEE-M,120.0,19.00,https://example.com/2.png,\n\
        tee,,,,,,,,,https://example.com/3.png,\n\
        ,,,,,,,,,,\n";
    let said = refusal(&import(&folder, "products", shopify, &[]));
    assert!(said.contains("\"body (html)\", \"vendor\", \"gift card\" (--ignore-unknown-columns"), "{said}");
    let said = succeeds(&import(&folder, "products", shopify, &["--ignore-unknown-columns"]));
    assert!(said.starts_with("1 created, 0 changed, 0 unchanged; 0 rows refused."), "{said}");
    let images = exported(&folder, &["images"]);
    assert!(images.len() == 2 && images[0].matches("https://").count() == 3, "{images:?}");

    let hint = refusal(&import(&folder, "products", "Titel;Preis\nTopf;1\n", &[]));
    assert!(hint.contains("separated by semicolons?"), "{hint}");
    assert!(products(&folder, "name;price\n\"Topf; groß\";1.50\n").starts_with("1 created"));
    assert!(products(&folder, "\u{feff}name\tprice\nKanne\t2\n").starts_with("1 created"));
    let pipes = import(&folder, "products", "name:price\nTasse:3\n", &["--delimiter", ":"]);
    assert!(succeeds(&pipes).starts_with("1 created"));

    let unclosed = "name,price\nFirst,1\n\"Second,2\nThird,3\nFourth,4\n";
    let said = refusal(&import(&folder, "products", unclosed, &[]));
    assert!(said.contains("line 3, name: The quotation mark that opens this cell is not closed."), "{said}");
    assert!(said.contains("1 created"), "{said}");
}

#[test]
fn what_would_have_no_effect_is_done_or_told_of() {
    let folder = Folder::new();
    let tee = "name,option1_name,option1_value,sku,price,stock\nTee,Size,S,TEE-S,1,3\n";
    products(&folder, tee);
    let output = import(&folder, "products", &format!("{tee}Tee,Size,M,TEE-M,1,7\n"), &[]);
    assert!(succeeds(&output).starts_with("0 created, 1 changed"));
    let note = String::from_utf8_lossy(&output.stderr);
    assert!(note.contains("1 products already existed: the stock column counts for new variants only"), "{note}");
    assert!(succeeds(&import(&folder, "stock", "sku,on_hand\nTEE-S,3\nTEE-M,7\n", &[])).contains("2 unchanged"));
    assert!(products(&folder, "slug,status\ntee,archived\n").starts_with("0 created, 1 changed"));
    for more in [&["--dry-run"] as &[&str], &[]] {
        let said = refusal(&import(&folder, "products", "sku,price\nTEE-S,2\n", more));
        assert!(said.contains("line 2, status: The product was deleted"), "{said}");
    }
    assert!(products(&folder, "sku,price,status\nTEE-S,2,active\n").starts_with("0 created, 1 changed"));
    assert_eq!(exported(&folder, &["price", "status"]), ["1.00|active", "2.00|active"]);
    folder.is_sound();
}

#[test]
fn a_huge_cell_and_a_huge_product_are_refused_and_the_rest_is_imported() {
    let folder = Folder::new();
    let mut file = BufWriter::new(fs::File::create(folder.file("huge.csv")).unwrap());
    file.write_all(b"name,sku,price,description\nFirst,FIRST,1,\nHuge,HUGE,1,\"").unwrap();
    let block = vec![b'x'; 64 * 1024];
    for _ in 0..64 {
        file.write_all(&block).unwrap();
    }
    file.write_all(b"\"\n").unwrap();
    for number in 0..5_000 {
        writeln!(file, "Many,MANY-{number},1,").unwrap();
    }
    file.write_all(b"Last,LAST,1,\n").unwrap();
    file.flush().unwrap();
    drop(file);
    let said = refusal(&folder.run(&["import", "products", "huge.csv"], &[]));
    for line in [
        "line 3, description: A row has at most 1048576 bytes.",
        "line 254, sku: A product has at most 200 variants",
        "2 created, 0 changed, 0 unchanged; 5001 rows refused.",
    ] {
        assert!(said.contains(line), "{line:?} is not said:\n{}", &said[..said.len().min(2_000)]);
    }
    assert_eq!(exported(&folder, &["sku"]), ["FIRST", "LAST"]);
}

/// Kills an import halfway; importing the same file again completes it.
pub(crate) fn is_killed_and_goes_on(folder: &Folder) {
    const PRODUCTS: usize = 3_000;
    let mut file = "name,option1_name,option1_value,sku,price,stock\n".to_owned();
    for number in 0..PRODUCTS {
        for size in ["S", "M"] {
            let price = if number == 600 { "wrong" } else { "1.00" };
            writeln!(file, "Shirt {number},Size,{size},SHIRT-{number}-{size},{price},2").unwrap();
        }
    }
    fs::write(folder.file("in.csv"), &file).unwrap();
    let mut command = folder.command(&["import", "products", "in.csv"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // The output is in the order of the file, so all products before this one are finished.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("line 1202, price: "), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    let said = refusal(&folder.run(&["import", "products", "in.csv"], &[]));
    let counts: Vec<usize> = said
        .lines()
        .find(|line| line.contains(" created"))
        .unwrap()
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [created, changed, unchanged, refused] = counts[..] else { panic!("{said}") };
    assert_eq!((created + unchanged, changed, refused), (PRODUCTS - 1, 0, 2), "{said}");
    assert!(unchanged >= 600 && created > 0, "{said}");
    folder.is_sound();
}

#[test]
fn an_import_that_is_killed_goes_on_with_the_same_file() {
    is_killed_and_goes_on(&Folder::new());
}

#[test]
fn a_file_for_excel_begins_with_a_mark_and_comes_back() {
    let folder = Folder::new();
    products(&folder, "name,price\nCafé,1\n");
    succeeds(&folder.run(&["export", "products", "excel.csv", "--excel"], &[]));
    assert!(fs::read(folder.file("excel.csv")).unwrap().starts_with("\u{feff}slug,".as_bytes()));
    assert!(succeeds(&folder.run(&["import", "products", "excel.csv"], &[])).contains("1 unchanged"));
    assert_eq!(exported(&folder, &["slug"]), ["cafe"]);
    assert!(fs::read(folder.file("out.csv")).unwrap().starts_with(b"slug,"));
}
