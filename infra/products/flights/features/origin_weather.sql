-- kind: feature
-- inputs: weather
-- entity: origin
-- event_time: observed_at
-- available_after: 1h
-- max_age: 7h
-- window: weather 0h
-- test: humid BETWEEN 0 AND 100
-- online: true
--
-- An hourly observation counts as known one hour after the hour it is filed under. Gaps of up to 30 h exist: max_age turns an
-- old observation into null. A wind speed above 100 mph is a broken sensor (one row reads 1048), not weather.
SELECT
    origin,
    time_hour                                                               AS observed_at,
    max(temp)                                                               AS temp,
    max(dewp)                                                               AS dewp,
    max(humid)                                                              AS humid,
    max(wind_dir)                                                           AS wind_dir,
    max(CASE WHEN wind_speed <= 100 THEN wind_speed END)                    AS wind_speed,
    max(wind_gust)                                                          AS wind_gust,
    max(precip)                                                             AS precip,
    max(pressure)                                                           AS pressure,
    max(visib)                                                              AS visib
FROM weather
GROUP BY origin, time_hour
