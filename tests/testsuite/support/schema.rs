//! The schemas of `man/schema/`, and answers held against them. Nothing is fetched.

use jsonschema::{Resource, Validator};
use serde_json::Value;
use std::path::Path;

/// Every schema by the name of its answer, sorted.
pub(crate) fn all_schemas() -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/schema");
    let mut schemas: Vec<_> = std::fs::read_dir(directory)
        .expect("the schemas")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".schema.json")?.to_owned();
            let text = std::fs::read_to_string(&path).expect("a schema");
            let schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Some((name, schema))
        })
        .collect();
    schemas.sort_by(|a, b| a.0.cmp(&b.0));
    schemas
}

/// What is wrong with `value` as that answer: a line for each fault, none if it is valid.
pub(crate) fn validate(answer: &str, value: &Value) -> Vec<String> {
    validator(answer).iter_errors(value).map(|error| format!("{}: {error}", error.instance_path)).collect()
}

fn validator(answer: &str) -> Validator {
    let schemas = all_schemas();
    let find = |name: &str| schemas.iter().find(|(other, _)| other == name).map(|(_, schema)| schema.clone());
    let schema = find(answer).unwrap_or_else(|| panic!("there is no schema for '{answer}'"));
    let common = find("common").expect("the common definitions");
    let id = common["$id"].as_str().expect("an $id").to_owned();
    let resource = Resource::from_contents(common).expect("a schema");
    jsonschema::draft202012::options()
        .with_resource(id, resource)
        .build(&schema)
        .unwrap_or_else(|error| panic!("{answer}: {error}"))
}
