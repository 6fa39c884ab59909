-- Consent is for resources, too: for each one (its URI) the scopes that were allowed there. Null where consent was given before
-- it said for whom: that is asked for once more.

ALTER TABLE grants ADD COLUMN resources jsonb;
