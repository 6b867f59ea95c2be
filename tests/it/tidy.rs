//! Invariant 9 and the rules of the house that can be read off the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use switchhook_core::providers;
use tests::workspace_root;

/// The most lines of a module.
const MAX_LINES: usize = 500;

/// What a crate without I/O, clock, environment and randomness does not depend on.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "async-std",
    "aws",
    "chrono",
    "dynoxide",
    "fastrand",
    "futures",
    "getrandom",
    "hyper",
    "lambda",
    "mio",
    "rand",
    "reqwest",
    "ring",
    "rusqlite",
    "smol",
    "switchhook",
    "tempfile",
    "tokio",
    "tracing",
    "ureq",
];

/// What its sources do not name.
const FORBIDDEN_NAMES_IN_CORE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::net::Tcp",
    "std::net::Udp",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "new_v4",
    "now_v7",
    "RandomState",
    "println!",
    "eprintln!",
    "dbg!",
];

fn manifest(folder: &Path) -> toml::Table {
    fs::read_to_string(folder.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

/// Returns the folders of the workspace's members.
fn members() -> Vec<PathBuf> {
    let root = workspace_root();
    let manifest = manifest(&root);
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| root.join(member.as_str().unwrap()))
        .collect()
}

/// Returns the Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn all_rust_files() -> Vec<PathBuf> {
    members()
        .iter()
        .flat_map(|member| rust_files(member))
        .collect()
}

/// Names files for people, relative to the workspace.
fn shown(path: &Path) -> String {
    path.strip_prefix(workspace_root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Leaves comments out.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn names_of_dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let manifest = manifest(&workspace_root().join("shared/core"));
    assert!(
        !manifest.contains_key("target"),
        "dependencies of a platform would not be seen"
    );
    for name in names_of_dependencies(&manifest) {
        let forbidden = FORBIDDEN_IN_CORE.iter().find(|forbidden| {
            name.strip_prefix(**forbidden)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
        });
        assert_eq!(forbidden, None, "shared/core depends on `{name}`");
    }
    let uuid = manifest["dependencies"]
        .get("uuid")
        .map(ToString::to_string)
        .unwrap_or_default();
    assert!(
        !uuid.contains("v4") && !uuid.contains("v7"),
        "ids come in as values: {uuid}"
    );
}

#[test]
fn the_core_names_no_clock_environment_file_or_socket() {
    for path in rust_files(&workspace_root().join("shared/core/src")) {
        let code = code(&path);
        for name in FORBIDDEN_NAMES_IN_CORE {
            assert!(!code.contains(name), "{} names `{name}`", shown(&path));
        }
    }
}

#[test]
fn every_member_takes_the_workspaces_lints() {
    for member in members() {
        let manifest = manifest(&member);
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(
            lints.and_then(toml::Value::as_bool),
            Some(true),
            "{}",
            shown(&member)
        );
    }
}

#[test]
fn a_panic_unwinds_in_the_functions_as_they_are_deployed() {
    // `cargo lambda build` sets `panic = "abort"` where the profile has no word of it. Then the panic
    // of one event's handler would end the process, and all other events of its batch with it.
    let manifest = manifest(&workspace_root());
    let release = &manifest["profile"]["release"];
    assert_eq!(
        release.get("panic").and_then(toml::Value::as_str),
        Some("unwind")
    );
}

#[test]
fn every_folder_with_a_manifest_is_a_member() {
    let members = members();
    let root = workspace_root();
    for parent in ["", "functions", "shared"] {
        for entry in fs::read_dir(root.join(parent)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() || !path.join("Cargo.toml").is_file() {
                continue;
            }
            // The fuzzer is built with flags of its own.
            let stands_alone = manifest(&path).contains_key("workspace");
            assert!(stands_alone || members.contains(&path), "{}", shown(&path));
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> = all_rust_files()
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(&path))
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn every_provider_is_one_file_one_line_and_its_cases() {
    let root = workspace_root();
    let files: BTreeSet<_> = rust_files(&root.join("shared/core/src/providers"))
        .into_iter()
        .filter(|path| code(path).contains("impl Provider for "))
        .map(|path| {
            path.file_stem()
                .unwrap()
                .to_string_lossy()
                .replace('_', "-")
        })
        .collect();
    let listed: BTreeSet<_> = providers::ALL
        .iter()
        .map(|provider| provider.name().to_owned())
        .collect();
    // Switchhook itself sends no deliveries: an operator's word has no source that can be configured.
    let mut files = files;
    assert!(files.remove("switchhook"));
    assert_eq!(
        files, listed,
        "files of `providers/` and lines of `providers::ALL`"
    );
    for name in listed {
        let cases = fs::read_dir(root.join("events").join(&name))
            .unwrap_or_else(|error| panic!("`{name}` has no cases in `events/`: {error}"));
        assert!(cases.count() > 0, "`{name}` has no cases in `events/`");
    }
}

#[test]
fn no_test_is_left_out() {
    let mark = concat!("#[", "ignore");
    let left_out = all_rust_files()
        .into_iter()
        .filter(|path| code(path).contains(mark));
    let left_out: Vec<_> = left_out.map(|path| shown(&path)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
fn no_module_is_too_long() {
    let sources = members()
        .into_iter()
        .map(|member| member.join("src"))
        .filter(|src| src.is_dir());
    let long: Vec<_> = sources
        .flat_map(|src| rust_files(&src))
        .map(|path| {
            (
                fs::read_to_string(&path).unwrap().lines().count(),
                shown(&path),
            )
        })
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {long:?}");
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let text = fs::read_to_string(workspace_root().join("docs/reliability.md")).unwrap();
    let named: BTreeSet<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.matches('_').count() > 2 && !name.contains(' '))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let sources: Vec<_> = rust_files(&workspace_root().join("tests/it"))
        .iter()
        .map(|file| code(file))
        .collect();
    for name in named {
        let function = format!("fn {name}()");
        assert!(
            sources.iter().any(|source| source.contains(&function)),
            "no test {name}"
        );
    }
}
