//! The table as a page, kept in `docs/conformance.md`.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::counts::Count;

/// One row: ID, purpose, result.
pub type Row = (String, String, String);

pub fn page(rows: &[Row], counts: &[Count]) -> String {
    let (rules, suite): (Vec<_>, Vec<_>) = rows.iter().partition(|(id, ..)| id.starts_with("ATT/"));
    let passed = |rows: &[&Row]| rows.iter().filter(|(.., result)| result == "pass").count();
    let mut page = String::new();
    let _ = write!(
        page,
        "# Conformance of the GATT client\n\
         \n\
         Generated from the table in `tests/conformance`; do not edit. Regenerate it with\n\
         `UPDATE_DOCS=1 cargo test -p dongle-tests --test conformance`.\n\
         \n\
         Each case is a conversation with a scripted peer: what the client is asked to do, the PDUs\n\
         in both directions, and the expected result. It runs on the ATT bearer and the GATT\n\
         procedures of `dongle-central` without radio, executor or clock. *Pass* means that every\n\
         PDU sent and every result was as expected. This is not a qualification: the cases follow\n\
         what public sources say about the purpose of each test, not the official test equipment.\n\
         \n\
         ## Cases of the GATT test suite\n\
         \n\
         {} of {} IDs pass; the table says why the others do not.\n\
         \n",
        passed(&suite),
        suite.len(),
    );
    table(&mut page, &suite);
    let _ = write!(
        page,
        "\n## Rules that no case of the suite covers\n\
         \n\
         Late and unsolicited responses, unknown opcodes, wrong lengths, and servers that repeat\n\
         themselves, run backwards or never end. The IDs are this project's own. {} of {} pass.\n\
         \n",
        passed(&rules),
        rules.len(),
    );
    table(&mut page, &rules);
    page.push_str(
        "\n## Requests that common tasks take\n\
         \n\
         ATT requests sent to a server that follows the specification. The test fails if a number\n\
         changes.\n\
         \n\
         | Task | Requests |\n\
         |---|---|\n",
    );
    for count in counts {
        let _ = writeln!(page, "| {} | {} |", count.task, count.requests);
    }
    page
}

fn table(page: &mut String, rows: &[&Row]) {
    page.push_str("| ID | Purpose | Result |\n|---|---|---|\n");
    for (id, purpose, result) in rows {
        let _ = writeln!(page, "| {id} | {purpose} | {result} |");
    }
}

/// Whether the page is as it is in the repository; writes it when asked to.
pub fn check(page: &str) -> Result<(), String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()));
    }
    match std::fs::read_to_string(&path) {
        // A checkout may have its own line ends.
        Ok(kept) if kept.replace("\r\n", "\n") == page => Ok(()),
        _ => Err("docs/conformance.md is stale; regenerate it with \
                  `UPDATE_DOCS=1 cargo test -p dongle-tests --test conformance`"
            .into()),
    }
}
