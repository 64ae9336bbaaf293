-- What made the bot slow down for the caller; they are called back at that pace.
ALTER TABLE callbacks ADD COLUMN paced_by TEXT;
