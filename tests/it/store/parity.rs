//! The two schemas side by side: tables, columns, types, nullability, defaults, keys, and every name, read back from the
//! databases themselves.

use std::collections::BTreeSet;

use super::Bed;
use crate::kit::issuer::Kind;
use crate::kit::raw::Raw;

/// A PostgreSQL type and what holds the same on SQLite.
const TYPES: &[(&str, &str)] = &[
    ("bigint", "INTEGER"),
    ("text", "TEXT"),
    ("jsonb", "TEXT"),
    ("timestamp with time zone", "TEXT"),
    ("uuid", "BLOB"),
    ("bytea", "BLOB"),
    ("boolean", "BOOLEAN"),
];

async fn of_postgres(raw: &mut Raw) -> BTreeSet<String> {
    let columns = "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' null=' || is_nullable \
         || ' default=' || coalesce(replace(replace(replace(replace(column_default, '''', ''), '::integer', ''), '::jsonb', ''), '::text', ''), '') \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
    let mut facts: BTreeSet<String> = raw.texts(columns).await.into_iter().map(|line| portable(&line)).collect();
    // Constraints with their columns in order, and what a foreign key points to.
    let constraints = "SELECT CASE c.contype WHEN 'p' THEN 'primary ' WHEN 'u' THEN 'unique ' WHEN 'f' THEN 'foreign ' ELSE 'check ' END \
         || t.relname || ' ' || CASE WHEN c.contype = 'c' THEN '' ELSE (SELECT string_agg(a.attname::text, ',' ORDER BY k.n) \
         FROM unnest(c.conkey) WITH ORDINALITY k(num, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.num) END \
         || coalesce((SELECT ' -> ' || f.relname || ' ' || string_agg(a.attname::text, ',' ORDER BY k.n) || ' ' || c.confdeltype::text \
         FROM unnest(c.confkey) WITH ORDINALITY k(num, n) JOIN pg_class f ON f.oid = c.confrelid \
         JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = k.num GROUP BY f.relname), '') || E'\\nname ' || t.relname || ' ' || c.conname \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%' AND c.contype IN ('p', 'u', 'f', 'c')";
    facts.extend(raw.texts(constraints).await.iter().flat_map(|both| both.lines()).map(str::to_owned));
    let indexes = "SELECT 'index ' || t.relname || ' ' || i.relname || ' ' || string_agg(a.attname::text, ',' ORDER BY k.n) || ' unique=' || x.indisunique::text || ' partial=' || (x.indpred IS NOT NULL)::text \
         FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(num, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.num \
         WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid) AND t.relname NOT LIKE '\\_sqlx%' \
         GROUP BY t.relname, i.relname, x.indisunique, (x.indpred IS NOT NULL)";
    facts.extend(raw.texts(indexes).await);
    facts
}

/// A column's line with its type as SQLite would declare it.
fn portable(line: &str) -> String {
    let (rest, flags) = line.split_once(" null=").unwrap();
    let (head, kind) = TYPES.iter().find_map(|(pg, lite)| Some((rest.strip_suffix(pg)?, lite))).expect(line);
    format!("{head}{kind} null={flags}")
}

async fn of_sqlite(raw: &mut Raw) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for table in raw.tables().await {
        let columns = format!(
            "SELECT 'column {table}.' || name || ' ' || type || ' null=' || CASE \"notnull\" WHEN 1 THEN 'NO' ELSE 'YES' END \
             || ' default=' || coalesce(replace(dflt_value, '''', ''), '') FROM pragma_table_info('{table}')"
        );
        facts.extend(raw.texts(&columns).await);
        let primary = format!(
            "SELECT 'primary {table} ' || group_concat(name, ',') FROM (SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk)"
        );
        facts.extend(raw.texts(&primary).await);
        let foreign = format!(
            "SELECT 'foreign {table} ' || \"from\" || ' -> ' || \"table\" || ' ' || \"to\" || ' ' || CASE on_delete WHEN 'NO ACTION' THEN 'a' ELSE on_delete END \
             FROM pragma_foreign_key_list('{table}')"
        );
        facts.extend(raw.texts(&foreign).await);
        let listed = format!(
            "SELECT CASE origin WHEN 'u' THEN 'unique {table} ' ELSE 'index {table} ' || name || ' ' END \
             || (SELECT group_concat(name, ',') FROM (SELECT i.name FROM pragma_index_info(l.name) i ORDER BY i.seqno)) \
             || CASE origin WHEN 'u' THEN '' ELSE ' unique=' || CASE \"unique\" WHEN 1 THEN 'true' ELSE 'false' END || ' partial=' || CASE partial WHEN 1 THEN 'true' ELSE 'false' END END \
             FROM pragma_index_list('{table}') l WHERE origin <> 'pk'"
        );
        facts.extend(raw.texts(&listed).await);
        // SQLite keeps the names of constraints only in the text that made the table.
        let text = raw.texts(&format!("SELECT sql FROM sqlite_master WHERE name = '{table}'")).await.concat();
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(3).filter(|pair| pair[0] == "CONSTRAINT") {
            facts.insert(format!("name {table} {}", pair[1]));
            if pair[2] == "CHECK" {
                facts.insert(format!("check {table} "));
            }
        }
    }
    facts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_schemas_are_one() {
    let postgres = of_postgres(&mut Bed::new(Kind::Postgres).await.raw().await).await;
    let sqlite = of_sqlite(&mut Bed::new(Kind::Sqlite).await.raw().await).await;
    let only = |here: &BTreeSet<String>, there| here.difference(there).cloned().collect::<Vec<_>>().join("\n");
    assert_eq!(only(&postgres, &sqlite), "", "PostgreSQL alone");
    assert_eq!(only(&sqlite, &postgres), "", "SQLite alone");
    for (fact, least) in
        [("column ", 180), ("primary ", 19), ("foreign ", 17), ("index ", 18), ("unique ", 7), ("name ", 45)]
    {
        let found = postgres.iter().filter(|line| line.starts_with(fact)).count();
        assert!(found >= least, "only {found} of {fact}were read");
    }
}
