-- kind: feature
-- inputs: weather
-- entity: origin
-- event_time: known_at
-- max_age: 6h
-- online: true
--
-- An hourly observation counts as known one hour after the hour it is filed under. Gaps of up to 30 h exist: max_age turns an
-- old observation into null. A wind speed above 100 mph is a broken sensor (one row reads 1048), not weather.
SELECT
    origin,
    time_hour + INTERVAL 1 HOUR                                             AS known_at,
    any_value(temp)                                                         AS temp,
    any_value(dewp)                                                         AS dewp,
    any_value(humid)                                                        AS humid,
    any_value(wind_dir)                                                     AS wind_dir,
    any_value(CASE WHEN wind_speed <= 100 THEN wind_speed END)              AS wind_speed,
    any_value(wind_gust)                                                    AS wind_gust,
    any_value(precip)                                                       AS precip,
    any_value(pressure)                                                     AS pressure,
    any_value(visib)                                                        AS visib
FROM weather
GROUP BY origin, time_hour
