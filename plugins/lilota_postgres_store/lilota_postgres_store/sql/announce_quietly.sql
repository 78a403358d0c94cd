SELECT nextval({changes_text})
