BOOKS = {}
