-- A reading's body is bytes: the packed form, or the JSON text it was received as, which begins with a brace.
alter table readings alter column body type bytea using convert_to(body, 'UTF8');
alter table equivocations alter column body type bytea using convert_to(body, 'UTF8');
-- It is sought by epoch and dense already: nothing is gained by compressing it.
alter table readings alter column body set storage external;
