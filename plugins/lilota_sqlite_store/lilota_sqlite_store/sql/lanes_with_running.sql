SELECT id FROM lanes WHERE running > 0
