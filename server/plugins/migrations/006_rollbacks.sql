-- What was rolled back stays among the events, and its epoch is filed again.
drop index events_by_epoch;
create index events_by_epoch on events (((args ->> 'epoch')::int8))
  where contract = 'telemetry' and name in ('Submitted', 'Skipped');
