//! The code in the guide is copied exactly from this crate.

/// The files that the guide may quote.
const FILES: [&str; 3] =
    [include_str!("../src/gateway.rs"), include_str!("../src/provider.rs"), include_str!("../src/main.rs")];

#[test]
fn every_piece_of_code_in_the_guide_is_real() {
    let guide = include_str!("../GUIDE.md");
    let mut pieces = 0;
    for block in guide.split("```rust\n").skip(1) {
        let (code, _) = block.split_once("```").unwrap();
        let code = code.trim_end();
        assert!(FILES.iter().any(|file| file.contains(code)), "is nowhere:\n{code}");
        pieces += 1;
    }
    assert!(pieces > 8, "{pieces}");
}
