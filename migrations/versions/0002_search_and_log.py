"""Full-text search on both databases, and a log that cannot be changed"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE_UP = [
    """CREATE VIRTUAL TABLE search_fts USING fts5(
           folded_title, folded_body, content='search_doc', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER search_doc_added AFTER INSERT ON search_doc BEGIN
           INSERT INTO search_fts(rowid, folded_title, folded_body) VALUES (new.id, new.folded_title, new.folded_body);
       END""",
    """CREATE TRIGGER search_doc_removed AFTER DELETE ON search_doc BEGIN
           INSERT INTO search_fts(search_fts, rowid, folded_title, folded_body)
           VALUES ('delete', old.id, old.folded_title, old.folded_body);
       END""",
    """CREATE TRIGGER search_doc_changed AFTER UPDATE ON search_doc BEGIN
           INSERT INTO search_fts(search_fts, rowid, folded_title, folded_body)
           VALUES ('delete', old.id, old.folded_title, old.folded_body);
           INSERT INTO search_fts(rowid, folded_title, folded_body) VALUES (new.id, new.folded_title, new.folded_body);
       END""",
    """CREATE TRIGGER record_is_not_changed BEFORE UPDATE ON record BEGIN
           SELECT RAISE(ABORT, 'the log is append-only');
       END""",
    """CREATE TRIGGER record_is_not_deleted BEFORE DELETE ON record BEGIN
           SELECT RAISE(ABORT, 'the log is append-only');
       END""",
]
SQLITE_DOWN = [
    "DROP TRIGGER record_is_not_deleted",
    "DROP TRIGGER record_is_not_changed",
    "DROP TRIGGER search_doc_changed",
    "DROP TRIGGER search_doc_removed",
    "DROP TRIGGER search_doc_added",
    "DROP TABLE search_fts",
]
POSTGRESQL_UP = [
    """ALTER TABLE search_doc ADD COLUMN tsv tsvector GENERATED ALWAYS AS (
           setweight(to_tsvector('simple', folded_title), 'A') || setweight(to_tsvector('simple', folded_body), 'B')
       ) STORED""",
    "CREATE INDEX ix_search_doc_tsv ON search_doc USING gin (tsv)",
    """CREATE FUNCTION record_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'the log is append-only'; END $$""",
    """CREATE TRIGGER record_is_append_only BEFORE UPDATE OR DELETE ON record
       FOR EACH ROW EXECUTE FUNCTION record_is_append_only()""",
]
POSTGRESQL_DOWN = [
    "DROP TRIGGER record_is_append_only ON record",
    "DROP FUNCTION record_is_append_only",
    "ALTER TABLE search_doc DROP COLUMN tsv",
]


def upgrade() -> None:
    for statement in SQLITE_UP if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in SQLITE_DOWN if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_DOWN:
        op.execute(statement)
