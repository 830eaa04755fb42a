-- kind: on_demand
-- inputs: request
-- entity: flight_id
-- online: false
--
-- What the schedule alone says. Reads only the request, so the same text runs over the spine offline and over one call online.
-- Clock values are local to the airport (hhmm); scheduled_block is modulo 24 h and still holds the time-zone difference, which
-- is constant for a destination.
SELECT
    flight_id,
    sched_dep_time // 100                                            AS hour,
    (sched_dep_time // 100) * 60 + sched_dep_time % 100              AS minute_of_day,
    CAST(isodow(flight_date) AS INTEGER)                             AS weekday,
    (sched_arr_time // 100) * 60 + sched_arr_time % 100              AS arrival_minute_of_day,
    ((sched_arr_time // 100) * 60 + sched_arr_time % 100
     - (sched_dep_time // 100) * 60 - sched_dep_time % 100 + 1440) % 1440 AS scheduled_block
FROM request
