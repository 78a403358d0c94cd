-- What a runner tells people of itself. A program of before leaves the column alone.
ALTER TABLE {runners} ADD COLUMN about text;
