//! V234: crates that must not be in the tree. `deny.toml` names them; here they are looked for without cargo-deny.

use std::path::Path;

fn table(name: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn v234_banned_crates_are_absent() {
    let (deny, lock) = (table("deny.toml"), table("Cargo.lock"));
    let packages: Vec<&toml::Table> =
        lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap()).collect();
    assert!(packages.len() > 100, "only {} packages read", packages.len());
    let banned = deny["bans"]["deny"].as_array().unwrap();
    let named = |name: &str| banned.iter().any(|ban| ban["crate"].as_str() == Some(name));
    assert!(named("rsa") && named("native-tls"), "{banned:?}");
    for ban in banned {
        let name = ban["crate"].as_str().unwrap();
        let Some(wrappers) = ban.get("wrappers") else {
            let found = packages.iter().any(|package| package["name"].as_str() == Some(name));
            assert!(!found, "{name} is in Cargo.lock: {}", ban["reason"]);
            continue;
        };
        // Allowed behind these only.
        let wrappers: Vec<&str> = wrappers.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for package in &packages {
            let dependencies = package.get("dependencies").and_then(|list| list.as_array()).into_iter().flatten();
            let uses =
                dependencies.map(|line| line.as_str().unwrap().split(' ').next().unwrap()).any(|one| one == name);
            let user = package["name"].as_str().unwrap();
            assert!(!uses || wrappers.contains(&user), "{user} uses {name}: {}", ban["reason"]);
        }
    }
}
