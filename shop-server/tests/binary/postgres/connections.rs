//! Everything between a server and its Postgres: pgbouncer, TLS, and the commit durability that the role's settings
//! give.

use std::process::Command;

use shop_store_sql::testing::{Bouncer, Cluster, execute, texts};

use super::{SECRET_KEY, shop_on};
use crate::operations::{refusal, succeeds};
use crate::support::Folder;

#[test]
fn a_pgbouncer_that_nobody_told_of_is_named_with_its_variable() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    for bouncer in [Bouncer::in_session_mode(&cluster, 20).unwrap(), Bouncer::start(&cluster, 20).unwrap()] {
        let url = bouncer.url(&url);
        let folder = Folder::new();
        folder.configure(&[("DATABASE_URL", url.as_str()), ("SECRET_KEY", SECRET_KEY)]);
        for command in ["serve", "migrate", "check"] {
            let said = refusal(&folder.run(&[command], &[]));
            assert!(said.contains("DB_PGBOUNCER=True"), "{said}");
        }
        let said = refusal(&folder.run(&["transfer", "--from", &url, "--to", "sqlite:to.sqlite3"], &[]));
        assert!(said.contains("DB_PGBOUNCER=True"), "{said}");
        succeeds(&folder.run(&["migrate"], &[("DB_PGBOUNCER", "True")]));
        succeeds(&folder.run(&["check"], &[("DB_PGBOUNCER", "True")]));
    }
}

/// A table that records the commit setting of each transaction that adds a cart.
const NOTED: &str = "CREATE TABLE app_noted (setting text);
    CREATE FUNCTION app_note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO app_noted VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
    CREATE TRIGGER app_noting AFTER INSERT ON carts FOR EACH STATEMENT EXECUTE FUNCTION app_note()";

#[test]
fn what_is_acknowledged_is_durable_whatever_the_role_says() {
    let cluster = Cluster::start().unwrap();
    let bouncer = Bouncer::start(&cluster, 4).unwrap();
    // `local` and `remote_apply` guarantee as much or more.
    for (set, wanted) in [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")] {
        for bounced in [false, true] {
            let url = cluster.database().unwrap();
            let name = url.rsplit('/').next().unwrap();
            execute(&url, &format!("ALTER DATABASE {name} SET synchronous_commit = {set}")).unwrap();
            let shop =
                if bounced { shop_on(&bouncer.url(&url), &[("DB_PGBOUNCER", "True")]) } else { shop_on(&url, &[]) };
            shop.product("SHIRT", 5);
            execute(&url, NOTED).unwrap();
            shop.guest_cart("SHIRT", 1);
            assert_eq!(texts(&url, "SELECT DISTINCT setting FROM app_noted").unwrap(), [wanted], "{set}, {bounced}");
        }
    }
}

/// Runs shell commands in a folder.
#[track_caller]
fn shell(folder: &Folder, script: &str, variables: &[(&str, &str)]) {
    let mut command = folder.dressed(Command::new("sh"));
    let path = std::env::var("PATH").unwrap_or_default();
    let output = command.args(["-e", "-c", script]).env("PATH", path).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

/// The commands in the documentation.
fn documented() -> String {
    let page = include_str!("../../../../docs/postgres-tls.md");
    page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// "Creating Certificates" in Postgres' manual: a self-signed certificate.
const SELF_SIGNED: &str =
    "openssl req -new -x509 -days 365 -nodes -out server.crt -keyout server.key -subj /CN=localhost
    cp server.crt root.crt";

/// The same page: an authority, and a server certificate signed by it.
const MANUAL: &str = "openssl req -new -nodes -out root.csr -keyout root.key -subj /CN=root
    printf '[v3_ca]\nbasicConstraints=critical,CA:TRUE\n' > ca.cnf
    openssl x509 -req -in root.csr -days 3650 -extfile ca.cnf -extensions v3_ca -signkey root.key -out root.crt
    openssl req -new -nodes -out server.csr -keyout server.key -subj /CN=localhost
    openssl x509 -req -in server.csr -days 365 -CA root.crt -CAkey root.key -CAcreateserial -out server.crt";

#[test]
fn a_certificate_that_is_refused_is_explained_and_the_documented_one_is_taken() {
    let cluster = Cluster::start().unwrap();
    let documented = documented();
    let other_root =
        format!("{documented}\nopenssl req -new -x509 -days 9 -nodes -out root.crt -keyout x.key -subj /CN=other");
    let cases: [(&str, &str, Option<&str>); 6] = [
        (SELF_SIGNED, "", Some("marked as that of an authority (CA:TRUE)")),
        (MANUAL, "", Some("X.509 version 1")),
        (&documented, "DNS:db.example.com", Some("subjectAltName")),
        (&other_root, "DNS:localhost", Some("not signed by an authority that is known")),
        (&documented, "DNS:localhost", None),
        (&documented, "DNS:elsewhere.example,DNS:localhost", None),
    ];
    // Create them before a certificate is installed that a connection might refuse.
    let databases = cases.map(|_| cluster.database().unwrap());
    for ((script, names, refused), url) in cases.into_iter().zip(databases) {
        let folder = Folder::new();
        shell(&folder, script, &[("SAN", names)]);
        let read = |name: &str| std::fs::read_to_string(folder.file(name)).unwrap();
        cluster.present(&read("server.crt"), &read("server.key")).unwrap();
        let url = url.replace("127.0.0.1", "localhost");
        let url = format!("{url}?sslmode=verify-full&sslrootcert=root.crt");
        folder.configure(&[("DATABASE_URL", url.as_str()), ("SECRET_KEY", SECRET_KEY)]);
        let output = folder.run(&["migrate"], &[]);
        if let Some(words) = refused {
            let said = refusal(&output);
            assert!(said.contains(words) && said.contains("docs/postgres-tls.md"), "{said}");
            assert!(!said.contains(cluster.superuser().1), "{said}");
            continue;
        }
        succeeds(&output);
        let url = url.replace("root.crt", folder.file("root.crt").to_str().unwrap());
        let encrypted = texts(&url, "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
        assert_eq!(encrypted.unwrap(), ["true"]);
    }
}
