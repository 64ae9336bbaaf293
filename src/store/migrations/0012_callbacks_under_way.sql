-- A number that is being called is not called by another callback.
CREATE INDEX callbacks_calling ON callbacks (number, dialplan, handoff) WHERE state = 'calling';
